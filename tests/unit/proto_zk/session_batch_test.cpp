// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Reads that are packed into one request.
#include "proto_zk/records_multi.hpp"
#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;

namespace {

proto::session_settings batching(std::size_t hosts = 1) {
    auto s = settings_for_tests();
    s.batch_reads = true;
    s.hosts = hosts;
    return s;
}

const std::string no_node = error_code(server_errc::no_node).message();

/// The paths that a batch asks for; empty if it is none.
std::vector<std::string> paths_of(const sent_request& r) {
    std::vector<std::string> paths;
    if (!r.is(opcode::multi_read)) return paths;
    for (const auto& op : r.as<proto::multi_request>().operations) {
        CHECK(op.type == opcode::get_data);
        const auto& record = std::get<proto::path_watch_request>(op.body);
        CHECK(!record.watch);
        paths.push_back(record.path);
    }
    return paths;
}

proto::multi_result value(std::string data) {
    proto::get_data_response r;
    r.data = std::move(data);
    return {opcode::get_data, r};
}

proto::multi_result failure(server_errc e) {
    proto::error_response r;
    r.err = static_cast<std::int32_t>(e);
    return {opcode::error, r};
}

std::string batch_reply(std::int32_t xid, std::vector<proto::multi_result> results) {
    return reply_frame(xid, 1, 0, proto::multi_response{std::move(results)});
}

std::string batch_reply(const sent_request& r) {
    return batch_reply(r.xid, std::vector<proto::multi_result>(paths_of(r).size(), value("v")));
}

/// A machine whose server has answered a batch.
struct proven : machine {
    explicit proven(std::size_t hosts = 1) : machine(batching(hosts)) {
        attach();
        prove();
    }
    void prove() {
        get("p");
        get("q");
        const auto sent = this->sent();
        REQUIRE(sent.size() == 1);
        REQUIRE(!feed(batch_reply(sent[0])));
        take_log();
    }
    /// Answers all that was written, batches and single requests.
    void serve() {
        for (auto requests = sent(); !requests.empty(); requests = sent()) {
            for (const auto& r : requests) REQUIRE(!feed(r.is(opcode::multi_read) ? batch_reply(r) : reply_frame(r.xid, 1)));
        }
    }
};

}    // namespace

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

TEST_CASE("the first batch of a connection is a trial: what must not be sent twice stays away from it") {
    machine m(batching());
    m.attach();
    m.write("w");
    m.get("a");
    m.get("b");
    auto sent = m.sent();
    REQUIRE(sent.size() == 3);    // a write is under way: no trial
    CHECK(sent[1].is(opcode::get_data));
    for (const auto& r : sent) REQUIRE(!m.reply(r.xid));
    m.get("c");
    m.get("d");
    m.write("x");
    m.get("e");
    sent = m.sent();
    REQUIRE(sent.size() == 1);    // the write waits for the trial
    CHECK(!m.feed(batch_reply(sent[0])));
    sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].is(opcode::remove));
    CHECK(sent[1].is(opcode::get_data));
}

TEST_CASE("while the first batch is tried other reads go one by one, up to a bound") {
    machine m(batching());
    m.attach();
    for (int i = 0; i != 100; ++i) m.get("a");
    auto sent = m.sent();
    REQUIRE(sent.size() == proto::read_batching::frames_ahead);
    CHECK(paths_of(sent[0]).size() == 8);
    for (std::size_t i = 1; i != sent.size(); ++i) CHECK(sent[i].is(opcode::get_data));
    CHECK(!m.s.wants_write());
    CHECK(!m.feed(batch_reply(sent[0])));
    CHECK(m.s.wants_write());
    CHECK(paths_of(m.sent().at(0)).size() == 16);
}

TEST_CASE("a server that drops the connection over a batch is not sent another one") {
    machine m(batching());
    m.attach();
    m.get("a");
    m.get("b");
    m.write("w");
    REQUIRE(m.sent().size() == 1);
    m.lose();
    CHECK(m.log.empty());
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].is(opcode::get_data));
    CHECK(sent[1].is(opcode::get_data));
    CHECK(sent[2].is(opcode::remove));
    for (const auto& r : sent) CHECK(!m.reply(r.xid));
    CHECK(m.log == lines({"a ok", "b ok", "w ok"}));
    m.lose();
    m.attach();
    m.get("c");
    m.get("d");
    CHECK(m.sent().size() == 2);    // nor later
}

TEST_CASE("a server that answers a batch with an error is asked one by one") {
    machine m(batching());
    m.attach();
    m.get("a");
    m.get("b");
    const auto sent = m.sent();
    const auto ec = m.reply(sent.at(0).xid, 1, static_cast<std::int32_t>(server_errc::unimplemented));
    CHECK(ec == server_errc::unimplemented);
    m.s.disconnected(ec, m.now, 0);
    m.attach();
    CHECK(m.sent().size() == 2);
}

TEST_CASE("each server of an ensemble is judged by itself, and one that has proved itself has three trials") {
    machine m(batching(2));
    m.attach();
    m.get("a");
    m.get("b");
    CHECK(m.sent().size() == 1);
    m.now += 1s;
    m.lose();
    m.attach();    // to the other one
    CHECK(m.sent().size() == 1);
    m.now += 1s;
    m.lose();
    m.attach();    // the first again
    CHECK(m.sent().size() == 2);

    proven p;
    for (int trial = 0; trial != 3; ++trial) {
        p.now += 1s;
        p.lose();
        p.attach();
        p.get("a");
        p.get("b");
        CHECK(p.sent().size() == 1);
    }
    p.now += 1s;
    p.lose();
    p.attach();
    CHECK(p.sent().size() == 6);
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

TEST_CASE("a trial says nothing about a server whose session moved or that fell silent") {
    for (const bool moved : {true, false}) {
        CAPTURE(moved);
        machine m(batching());
        m.attach();
        m.get("a");
        m.get("b");
        const auto sent = m.sent();
        error_code ec = client_errc::timed_out;
        if (moved) ec = m.reply(sent.at(0).xid, 1, static_cast<std::int32_t>(server_errc::session_moved));
        m.now += 1s;
        m.s.disconnected(ec, m.now, 0);
        m.attach();
        CHECK(m.sent().size() == 1);
    }
}

TEST_CASE("a server that cannot be understood is asked one by one in the end, and has another trial much later") {
    machine m(batching());
    m.attach();
    m.get("a");
    m.get("b");
    const auto sent = m.sent();
    const std::vector<proto::multi_result> nonsense{{opcode::remove, {}}, {opcode::remove, {}}};
    auto ec = m.feed(batch_reply(sent.at(0).xid, nonsense));
    CHECK(ec == protocol_errc::bad_multi);
    std::size_t connections = 0;
    std::size_t frames = 0;
    do {
        m.now += 1s;
        m.s.disconnected(ec, m.now, 0);
        ec = machine::asio_eof();
        m.attach();
        frames = m.sent().size();
        ++connections;
    } while (frames == 2 && connections != 100);
    CHECK(frames == 1);
    CHECK(connections == 17);
}

TEST_CASE("reads without neighbours cost no more than others, however many are under way") {
    // Looking through what is under way for each of them took seconds here.
    machine m(batching());
    m.attach();
    for (int i = 0; i != 100'000; ++i) {
        m.get("a");
        m.read("b");
    }
    CHECK(m.sent().size() == 200'000);
    m.s.abandon();
}

TEST_CASE("a write that is withdrawn while it waits for a trial lets what is behind it go") {
    machine m(batching());
    m.attach();
    m.get("a");
    m.get("b");
    const auto w = m.write("w");
    m.read("r");
    m.fill();
    CHECK(!m.s.wants_write());
    m.s.cancel(w, client_errc::closed);
    CHECK(m.s.wants_write());
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
