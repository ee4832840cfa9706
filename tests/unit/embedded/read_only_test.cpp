// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Servers without a quorum, or told to behave so.
#include "unit/embedded/fixture.hpp"

using namespace muster::test;

namespace {

muster::embedded::settings read_only_mode() {
    muster::embedded::settings s;
    s.read_only_mode = true;
    return s;
}

// A connection that accepts a read-only server.
world::client connect_read_only(world& w, std::size_t server) {
    auto c = w.open(server);
    proto::connect_request r;
    r.timeout_ms = 10000;
    r.read_only = true;
    w.give(*c, frame_of(r));
    return c;
}

}    // namespace

TEST_CASE("a server without quorum serves reads to those who accept it") {
    world w(read_only_mode(), 3);
    auto a = w.connect(0);
    CHECK(w.create(*a, "/n") == 0);
    w.e.isolate(2, true, w.now);

    auto plain = w.open(2);
    w.give(*plain, frame_of(proto::connect_request{}));
    CHECK(plain->closed);
    CHECK(plain->in.empty());

    auto c = connect_read_only(w, 2);
    proto::connect_response greeting;
    const auto frame = w.next(*c);
    REQUIRE(frame.has_value());
    proto::reader r(*frame);
    greeting.read(r);
    CHECK(greeting.read_only);
    CHECK(greeting.session_id != 0);
    CHECK(w.e.session_ids().size() == 1);    // it is known there only

    CHECK(w.get(*c, "/n", true).err == 0);
    CHECK(w.create(*c, "/m") == -119);
    CHECK(w.remove(*c, "/n") == -119);
    CHECK(w.call(*c, opcode::multi).err == -119);
    CHECK(w.call(*c, opcode::sync, proto::path_request{"/"}).err == -119);
    CHECK_FALSE(c->closed);

    auto word = w.open(2);
    w.give(*word, "isro");
    CHECK(word->in == "ro");

    // Sessions of all are none of its business; its own it knows again.
    auto global = w.open(2);
    proto::connect_request resume;
    resume.read_only = true;
    resume.session_id = a->session;
    resume.password = a->password;
    w.give(*global, frame_of(resume));
    CHECK(global->closed);
    CHECK(global->in.empty());
    auto again = w.open(2);
    resume.session_id = greeting.session_id;
    resume.password = greeting.password;
    w.give(*again, frame_of(resume));
    CHECK(c->closed);
    CHECK(w.greet(*again));
    CHECK(w.call(*again, opcode::close_session).err == 0);
    CHECK(again->closed);
    auto over = w.open(2);
    w.give(*over, frame_of(resume));
    CHECK_FALSE(w.greet(*over));

    auto last = connect_read_only(w, 2);
    w.e.isolate(2, false, w.now);
    CHECK(last->closed);
}

TEST_CASE("a server can be told to be read-only") {
    world w;
    auto a = w.connect();
    w.e.at(0).set_read_only(true, w.now);
    CHECK(a->closed);
    auto c = connect_read_only(w, 0);
    CHECK(w.greet(*c));
    CHECK(w.create(*c, "/n") == -119);
    w.e.at(0).set_read_only(true, w.now);
    CHECK_FALSE(c->closed);
    w.e.at(0).set_read_only(false, w.now);
    CHECK(c->closed);
    auto b = w.resume(*a);
    CHECK(w.greet(*b));
    CHECK(w.create(*b, "/n") == 0);
}

TEST_CASE("a session of a read-only server expires, and its connection is closed") {
    world w;
    w.e.at(0).set_read_only(true, w.now);
    auto c = connect_read_only(w, 0);
    REQUIRE(w.greet(*c));
    w.pass(9000ms);
    CHECK_FALSE(c->closed);
    REQUIRE(w.e.deadline().has_value());
    w.pass(4000ms);
    CHECK(c->closed);
    CHECK_FALSE(w.e.deadline().has_value());
}

TEST_CASE("while the only server is told to be read-only, nothing changes; behind that all timeouts begin anew") {
    muster::embedded::settings s;
    s.extended_types = true;
    s.container_check_interval = 1000ms;
    world w(s);
    auto a = w.connect(0, 5000);
    CHECK(w.create(*a, "/e", 1) == 0);
    CHECK(w.call(*a, opcode::create_container, w.node("/c", "", 4)).err == 0);
    CHECK(w.create(*a, "/c/x") == 0);
    CHECK(w.remove(*a, "/c/x") == 0);
    proto::create_ttl_request ttl;
    ttl.path = "/t";
    ttl.acls.resize(1);
    ttl.flags = 5;
    ttl.ttl = 500;
    CHECK(w.call(*a, opcode::create_ttl, ttl).err == 0);
    const auto last = w.e.leader_tree().last_zxid();

    w.e.at(0).set_read_only(true, w.now);
    CHECK_FALSE(w.e.deadline().has_value());
    w.pass(60000ms);
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{a->session});
    CHECK(w.e.leader_tree().last_zxid() == last);
    auto c = connect_read_only(w, 0);
    REQUIRE(w.greet(*c));
    for (const char* path : {"/e", "/c", "/t"}) CHECK(w.exists(*c, path).err == 0);

    w.e.at(0).set_read_only(false, w.now);
    CHECK(w.e.deadline() == w.now + 1000ms);
    w.pass(999ms);
    CHECK(w.e.leader_tree().last_zxid() == last);
    w.pass(1ms);
    CHECK(w.e.leader_tree().find("/c") == nullptr);
    CHECK(w.e.leader_tree().find("/t") == nullptr);
    w.pass(3900ms);    // it is 1065.4 s
    CHECK(w.e.session_ids().size() == 1);
    auto b = w.resume(*a);
    REQUIRE(w.greet(*b));
    w.pass(7000ms);
    CHECK(b->closed);
    CHECK(w.e.leader_tree().find("/e") == nullptr);
}

TEST_CASE("the sessions of a read-only server can be told, and ended") {
    world w;
    auto a = w.connect();
    w.e.at(0).set_read_only(true, w.now);
    auto c = connect_read_only(w, 0);
    auto d = connect_read_only(w, 0);
    REQUIRE(w.greet(*c));
    REQUIRE(w.greet(*d));
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{a->session});
    CHECK(w.e.at(0).local_sessions() == std::vector<std::int64_t>{c->session, d->session});
    CHECK_FALSE(w.e.at(0).expire_local_session(a->session, w.now));
    CHECK(w.e.at(0).expire_local_session(c->session, w.now));
    CHECK_FALSE(w.e.at(0).expire_local_session(c->session, w.now));
    CHECK(c->closed);
    CHECK_FALSE(d->closed);
    CHECK(w.e.at(0).local_sessions() == std::vector<std::int64_t>{d->session});
    // They are over when somebody leads again.
    w.e.at(0).set_read_only(false, w.now);
    CHECK(w.e.at(0).local_sessions().empty());
    w.e.at(0).set_read_only(true, w.now);
    auto again = w.open();
    proto::connect_request resume;
    resume.read_only = true;
    resume.session_id = d->session;
    resume.password = d->password;
    w.give(*again, frame_of(resume));
    CHECK_FALSE(w.greet(*again));
}
