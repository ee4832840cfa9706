// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How it is found out whether a server knows batches of reads.
#include "batch_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: trials of batches");

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
