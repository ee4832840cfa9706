// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Reads that are packed into one request.
#include "batch_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: batches of reads");

TEST_CASE("reads that wait together are one request, and each has its own result") {
    machine m(batching());
    m.attach();
    m.get("a");
    m.get("b");
    m.get("c");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(paths_of(sent[0]) == std::vector<std::string>{"/a", "/b", "/c"});
    CHECK(!m.feed(batch_reply(sent[0].xid, {value("1"), failure(server_errc::no_node), value("")}), 1));
    CHECK(m.log == journal{"a ok", "b " + no_node, "c ok"});
    CHECK(m.s.metrics().requests_sent == 3);
    CHECK(m.s.metrics().reads_batched == 3);
    CHECK(m.s.metrics().replies_received == 3);
}

TEST_CASE("a read that waits alone is sent as what it is, and all of them are where batches are switched off") {
    machine m(batching());
    m.attach();
    m.get("a");
    const auto alone = m.sent();
    REQUIRE(alone.size() == 1);
    CHECK(alone[0].is(opcode::get_data));

    machine off;
    off.attach();
    off.get("a");
    off.get("b");
    CHECK(off.sent().size() == 2);
}

TEST_CASE("the order of requests is kept: only neighbours are packed") {
    proven m;
    m.get("a");
    m.get("b");
    m.write("w");
    m.get("c");
    m.read("watching");
    m.get("d");
    m.get("e");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 5);
    CHECK(paths_of(sent[0]) == std::vector<std::string>{"/a", "/b"});
    CHECK(sent[1].is(opcode::remove));
    CHECK(sent[2].is(opcode::get_data));
    CHECK(sent[3].is(opcode::get_data));
    CHECK(paths_of(sent[4]) == std::vector<std::string>{"/d", "/e"});
    for (std::size_t i = 1; i != sent.size(); ++i) CHECK(sent[i].xid == sent[i - 1].xid + 1);
    for (const auto& r : sent) REQUIRE(!m.feed(r.is(opcode::multi_read) ? batch_reply(r) : reply_frame(r.xid, 1)));
    CHECK(m.log == lines({"a ok", "b ok", "w ok", "c ok", "watching ok", "d ok", "e ok"}));
}

TEST_CASE("reads of a batch that lost its connection are repeated, without those that were cancelled") {
    proven m;
    m.get("a");
    const auto b = m.get("b");
    m.get("c");
    m.write("w");
    REQUIRE(m.sent().size() == 2);
    m.s.cancel(b, client_errc::closed);
    m.now += 1s;
    m.lose();
    CHECK(m.take_log() == journal{"b " + closed, "w " + lost});
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(paths_of(sent[0]) == std::vector<std::string>{"/a", "/c"});
    CHECK(!m.feed(batch_reply(sent[0])));
    CHECK(m.log == lines({"a ok", "c ok"}));
}

TEST_CASE("a cancelled read of a batch keeps its place in the reply") {
    proven m;
    const auto a = m.get("a");
    m.get("b");
    const auto sent = m.sent();
    m.s.cancel(a, client_errc::closed);
    CHECK(!m.feed(batch_reply(sent.at(0).xid, {value("1"), failure(server_errc::no_node)})));
    CHECK(m.log == journal{"a " + closed, "b " + no_node});
}

TEST_CASE("batches grow with success, up to 64 reads and 64 KiB of requests") {
    proven m;
    std::vector<std::size_t> sizes;
    for (int round = 0; round != 5; ++round) {
        for (int i = 0; i != 80; ++i) m.get("a");
        for (auto requests = m.sent(); !requests.empty(); requests = m.sent()) {
            for (const auto& r : requests) {
                sizes.push_back(r.is(opcode::multi_read) ? paths_of(r).size() : 1);
                REQUIRE(!m.feed(r.is(opcode::multi_read) ? batch_reply(r) : reply_frame(r.xid, 1)));
            }
        }
        m.take_log();
    }
    CHECK(sizes.front() == 8);
    CHECK(*std::max_element(sizes.begin(), sizes.end()) == proto::read_batching::most_reads);

    for (int i = 0; i != 10; ++i) m.get(std::string(20'000, 'x'));
    const auto sent = m.sent();
    REQUIRE(sent.size() == 4);
    for (int i = 0; i != 3; ++i) CHECK(paths_of(sent[static_cast<std::size_t>(i)]).size() == 3);
    CHECK(sent[3].is(opcode::get_data));
}

TEST_CASE("large replies make small batches") {
    proven m;
    m.get("a");
    auto sent = m.sent();
    proto::get_data_response large;
    large.data = std::string(60'000, 'x');
    CHECK(!m.feed(reply_frame(sent.at(0).xid, 1, 0, large)));
    for (int i = 0; i != 4; ++i) m.get("b");
    sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(paths_of(sent[0]).size() == 2);
    CHECK(paths_of(sent[1]).size() == 2);
}

TEST_CASE("a batch's reply may be as large as those of its reads together") {
    proven m;
    for (int round = 0; round != 3; ++round) {
        for (int i = 0; i != 640; ++i) {
            m.get("small");
            if (i % 64 == 63) m.serve();
        }
        m.take_log();
        for (int i = 0; i != 64; ++i) m.get("large");
        m.write("w");
        for (const auto& r : m.sent()) {
            const auto large = value(std::string(20'000, 'x'));
            const std::vector<proto::multi_result> results(paths_of(r).size(), large);
            REQUIRE(!m.feed(results.empty() ? reply_frame(r.xid, 1) : batch_reply(r.xid, results)));
        }
        CHECK(m.take_log().back() == "w ok");
    }
}

TEST_CASE("reads whose batch is larger than a frame may be for each of them are asked for one by one") {
    auto settings = batching();
    settings.max_frame = 2'048;
    machine m(settings);
    m.attach();
    m.get("a");
    m.get("b");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    const auto ec = m.feed(batch_reply(sent[0].xid, {value(std::string(3'000, 'x')), value(std::string(1'900, 'y'))}));
    CHECK(ec == protocol_errc::frame_too_large);
    CHECK(m.log.empty());
    m.s.disconnected(ec, m.now, 0);
    m.now += 1s;
    m.attach();
    CHECK(m.sent().size() == 2);
    m.get("c");
    m.get("d");
    CHECK(m.sent().size() == 2);    // what was large once is expected to be so again
}

TEST_CASE("a read whose reply was too large is not packed with others soon") {
    auto settings = batching();
    settings.max_frame = 2'048;
    machine m(settings);
    m.attach();
    m.get("large");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(!m.feed(begins_reply(sent[0].xid, 16 + 10'000) + std::string(10'000, 'x')));
    CHECK(m.take_log() == journal{"large " + error_code(protocol_errc::frame_too_large).message()});
    m.get("a");
    m.get("b");
    CHECK(m.sent().size() == 2);
}

TEST_CASE("no batch is larger than a frame may be") {
    auto settings = batching();
    settings.max_request = 1'024;
    machine m(settings);
    m.attach();
    m.get(std::string(494, 'a'));
    m.get(std::string(494, 'b'));
    m.fill();
    for (const auto& f : take_frames(m.written)) CHECK(f.size() <= settings.max_request);
}

TEST_CASE("an error of a whole batch is that of each read, and costs nobody else anything") {
    proven m;
    m.get("a");
    m.get("b");
    m.write("w");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(!m.reply(sent[0].xid, 1, static_cast<std::int32_t>(server_errc::throttled)));
    CHECK(!m.reply(sent[1].xid));
    const std::string throttled = error_code(server_errc::throttled).message();
    CHECK(m.log == journal{"a " + throttled, "b " + throttled, "w ok"});
}

TEST_CASE("reads without neighbours cost no more than others, however many are under way") {
    // Looking through what is under way for each of them would take minutes: the time limit of the tests is the assertion.
    machine m(batching());
    m.attach();
    for (int i = 0; i != 200'000; ++i) {
        m.get("a");
        m.read("b");
    }
    m.fill();
    CHECK(m.s.metrics().requests_sent == 400'000);
    CHECK(m.s.metrics().reads_batched == 0);
    m.s.abandon();
}

TEST_CASE("further reads wait for a full batch while 16 frames of reads are under way") {
    proven m;
    std::vector<sent_request> under_way;
    for (std::size_t i = 0; i != proto::read_batching::frames_ahead; ++i) {
        m.get("s");
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        under_way.push_back(sent[0]);
    }
    m.get("a");
    m.get("b");
    CHECK(!m.s.wants_write());
    SUBCASE("until one of them is answered") {
        CHECK(!m.reply(under_way[0].xid));
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        CHECK(paths_of(sent[0]) == std::vector<std::string>{"/a", "/b"});
    }
    SUBCASE("until the batch is full") {
        for (int i = 0; i != 6; ++i) m.get("c");
        REQUIRE(m.sent().size() == 1);
    }
    SUBCASE("until something else is to follow them") {
        m.write("w");
        CHECK(m.sent().size() == 2);
    }
    SUBCASE("until the session is to be closed") {
        m.s.close(m.now);
        CHECK(m.sent().size() == 2);
    }
}

TEST_CASE("a malformed reply to a batch drops the connection, and no read is answered twice") {
    struct wrong {
        const char* name;
        std::vector<proto::multi_result> results;
    };
    const std::vector<wrong> cases{
        {"one too few", {value("1")}},
        {"one too many", {value("1"), value("2"), value("3")}},
        {"another type", {value("1"), {opcode::remove, {}}}},
        {"an error that is none", {value("1"), failure(server_errc{})}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        proven m;
        m.get("a");
        m.get("b");
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        const auto ec = m.feed(batch_reply(sent[0].xid, c.results));
        CHECK(ec == protocol_errc::bad_multi);
        m.now += 1s;
        m.s.disconnected(ec, m.now, 0);
        m.attach();
        m.serve();
        CHECK(m.take_log() == lines({"a ok", "b ok"}));
    }
    // Bytes behind its end.
    {
        proven m;
        m.get("a");
        m.get("b");
        const auto whole = batch_reply(m.sent().at(0));
        std::string longer;
        proto::writer(longer).buffer(whole.substr(4) + "more");
        CHECK(m.feed(longer) == protocol_errc::bad_multi);
    }
    // Cut at every byte: an error or nothing, never a read past the end.
    for (std::size_t cut = 0;; ++cut) {
        proven m;
        m.get("a");
        m.get("b");
        const auto sent = m.sent();
        const auto whole = batch_reply(sent.at(0));
        if (cut + 4 + 16 >= whole.size()) break;
        std::string shorter;
        proto::writer(shorter).buffer(std::string_view(whole).substr(4, cut + 16));
        CHECK(m.feed(shorter));
    }
}

TEST_CASE("a session that moved takes its batches along") {
    proven m(2);
    m.get("a");
    m.get("b");
    const auto sent = m.sent();
    const auto ec = m.reply(sent.at(0).xid, 1, static_cast<std::int32_t>(server_errc::session_moved));
    CHECK(ec == server_errc::session_moved);
    m.now += 1s;
    m.s.disconnected(ec, m.now, 0);
    m.attach();
    const auto again = m.sent();
    REQUIRE(again.size() == 1);
    CHECK(paths_of(again[0]).size() == 2);
}
