// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Access, credentials, the ensemble, and reads of several things at once.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: access and ensemble");

namespace {

constexpr std::int32_t unimplemented = -6;

zk::config chrooted() { return config_for_tests("10.0.0.1:2181/app"); }

template <class Record>
proto::multi_result result_of(opcode type, Record body) {
    proto::multi_result r;
    r.type = type;
    r.body = std::move(body);
    return r;
}

proto::error_response error_of(std::int32_t err) {
    proto::error_response e;
    e.err = err;
    return e;
}

}    // namespace

TEST_CASE("get_acl and set_acl") {
    fixture f(chrooted());
    f.attach();
    outcome<zk::acl_result> got;
    f.client.get_acl("/a", got.handler());
    auto r = f.request();
    CHECK(r.is(opcode::get_acl));
    CHECK(r.as<proto::path_request>().path == "/app/a");
    proto::get_acl_response answer;
    answer.acls = {zk::acl(1, "digest", "me:x")};
    answer.stat = stat_of(4);
    f.reply(r, 0, answer);
    CHECK(!got.ec());
    CHECK(got.value().acls == answer.acls);
    CHECK(got.value().stat == stat_of(4));

    outcome<zk::stat> set;
    f.client.set_acl("/a", answer.acls, 3, set.handler());
    r = f.request();
    CHECK(r.is(opcode::set_acl));
    CHECK(r.as<proto::set_acl_request>().path == "/app/a");
    CHECK(r.as<proto::set_acl_request>().acls == answer.acls);
    CHECK(r.as<proto::set_acl_request>().version == 3);
    proto::stat_response changed;
    changed.stat = stat_of(5);
    f.reply(r, 0, changed);
    CHECK(set.value() == stat_of(5));

    // It is a write: after a lost connection nobody knows.
    outcome<zk::stat> unknown;
    f.client.set_acl("/a", {}, -1, unknown.handler());
    CHECK(f.requests().size() == 1);
    f.lose();
    CHECK(unknown.ec() == client_errc::connection_lost);
}

TEST_CASE("who_am_i") {
    fixture f;
    f.attach();
    outcome<std::vector<zk::identity>> who;
    f.client.who_am_i(who.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::who_am_i));
    CHECK(r.body.empty());
    proto::who_am_i_response answer;
    answer.clients = {{"ip", "127.0.0.1"}, {"digest", "me"}};
    f.reply(r, 0, answer);
    CHECK(who.value() == std::vector{zk::identity("ip", "127.0.0.1"), zk::identity("digest", "me")});
}

TEST_CASE("R50: add_auth: accepted, shown again after a lost connection, refused") {
    fixture f;
    f.attach();
    outcome<> nothing;
    f.client.add_auth("", "x", nothing.handler());
    outcome<> added;
    f.client.add_auth("digest", "me:secret", added.handler());
    auto r = f.request();
    CHECK(nothing.ec() == client_errc::invalid_argument);
    CHECK(r.is(opcode::auth));
    CHECK(r.as<proto::auth_packet>().scheme == "digest");
    CHECK(r.as<proto::auth_packet>().auth == "me:secret");
    f.reply(r, 0);
    CHECK(!added.ec());
    f.lose();
    f.attach();
    r = f.request();
    CHECK(r.as<proto::auth_packet>().auth == "me:secret");

    outcome<zk::session_info> told;
    f.client.session_change(f.client.session().version, told.handler());
    outcome<zk::get_result> pending;
    f.reply(r, -115);
    f.client.get("/a", pending.handler());
    f.sim.run_ready();
    CHECK(told.value().state == session_state::auth_failed);
    CHECK(told.value().last_error == server_errc::auth_failed);
    CHECK(pending.ec() == server_errc::auth_failed);
    CHECK(f.server.peer->closed());
    // It is the last state: who asks gets it again, and nothing else ever happens.
    outcome<zk::session_info> again;
    f.client.session_change(told.value().version, again.handler());
    outcome<> closed;
    f.client.close(closed.handler());
    f.sim.run_for(1min);
    CHECK(again.value().state == session_state::auth_failed);
    CHECK(closed.ec() == client_errc::close_timed_out);    // nobody was told that the session is over
    CHECK(f.sim.world->open_connections() == 0);
    CHECK(f.sim.world->attempts().size() == 2);
}

TEST_CASE("secrets appear in no error") {
    fixture f;
    f.attach();
    outcome<> added;
    f.client.add_auth("digest", "me:secret", added.handler());
    f.reply(f.request(), -115);
    CHECK(added.ec().message().find("secret") == std::string::npos);
    CHECK(f.client.session().last_error.message().find("secret") == std::string::npos);
}

TEST_CASE("the ensemble's configuration has no chroot") {
    fixture f(chrooted());
    f.attach();
    outcome<zk::get_result> got;
    f.client.get_config(got.handler());
    auto r = f.request();
    CHECK(r.is(opcode::get_data));
    CHECK(r.as<proto::path_watch_request>().path == "/zookeeper/config");
    proto::get_data_response data;
    data.data = "version=0";
    f.reply(r, 0, data);
    CHECK(got.value().data == "version=0");

    outcome<zk::get_result, zk::watcher> watched;
    f.client.get_config_and_watch(watched.handler());
    r = f.request();
    CHECK(r.as<proto::path_watch_request>().watch);
    f.reply(r, 0, data);
    outcome<zk::watch_event> event;
    watched.value<1>().next(event.handler());
    f.server.event(3, "/zookeeper/config");
    f.sim.run_ready();
    CHECK(event.value().path == zk::client::config_path);
}

TEST_CASE("reconfig: what is empty is not sent") {
    fixture f;
    f.attach();
    outcome<zk::get_result> done;
    zk::reconfiguration change;
    change.joining = "server.4=h:1:2;3";
    change.from_version = 0x100;
    f.client.reconfig(change, done.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::reconfig));
    const auto sent = r.as<proto::reconfig_request>();
    CHECK(sent.joining == change.joining);
    CHECK(!sent.leaving);
    CHECK(!sent.new_members);
    CHECK(sent.config_id == 0x100);
    proto::get_data_response answer;
    answer.data = "version=101";
    f.reply(r, 0, answer);
    CHECK(done.value().data == "version=101");

    outcome<zk::get_result> lost;
    f.client.reconfig(change, lost.handler());
    CHECK(f.requests().size() == 1);
    f.lose();
    CHECK(lost.ec() == client_errc::connection_lost);
    f.attach();
    CHECK(f.requests().empty());
}

TEST_CASE("multi_read: each for itself, in order, within the chroot") {
    fixture f(chrooted());
    f.attach();
    outcome<zk::multi_read_result> done;
    zk::read_batch batch;
    batch.get("/a").children("/").get("/missing");
    f.client.multi_read(batch, done.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::multi_read));
    const auto sent = r.as<proto::multi_request>().operations;
    REQUIRE(sent.size() == 3);
    CHECK(std::get<proto::path_watch_request>(sent[0].body).path == "/app/a");
    CHECK(std::get<proto::path_watch_request>(sent[1].body).path == "/app");
    CHECK(sent[1].type == opcode::get_children);
    proto::get_data_response data;
    data.data = "x";
    data.stat = stat_of(3);
    proto::get_children_response children;
    children.children = {"a", "b"};
    proto::multi_response answer;
    answer.results = {result_of(opcode::get_data, data), result_of(opcode::get_children, children),
                      result_of(opcode::error, error_of(-101))};
    f.reply(r, 0, answer);
    CHECK(!done.ec());
    const auto& results = done.value();
    REQUIRE(results.size() == 3);
    CHECK(results[0].data == "x");
    CHECK(results[0].stat == stat_of(3));
    CHECK(results[1].names == std::vector<std::string>{"a", "b"});
    CHECK(results[2].ec == server_errc::no_node);
}

TEST_CASE("a multi's reply with another number of results than asked is none") {
    for (const bool reads : {false, true}) {
        fixture f;
        f.attach();
        outcome<zk::multi_read_result> read;
        outcome<zk::multi_result> written;
        if (reads) {
            f.client.multi_read(zk::read_batch().get("/a"), read.handler());
        } else {
            f.client.multi(zk::transaction().remove("/a"), written.handler());
        }
        f.reply(f.request(), 0, proto::multi_response());
        CHECK((reads ? read.ec() : written.ec()) == zk::protocol_errc::bad_multi);
        CHECK((reads ? read.value().empty() : written.value().empty()));
        CHECK(f.server.peer->closed());
    }
}

TEST_CASE("check: a multi of one, asked again after a lost connection") {
    fixture f(chrooted());
    f.attach();
    outcome<> checked;
    f.client.check("/a", 4, checked.handler());
    auto r = f.request();
    CHECK(r.is(opcode::multi));
    const auto sent = r.as<proto::multi_request>().operations;
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].type == opcode::check);
    CHECK(std::get<proto::check_version_request>(sent[0].body) == proto::check_version_request{"/app/a", 4});
    f.lose();
    f.attach();
    r = f.request();
    proto::multi_response answer;
    answer.results = {result_of(opcode::error, error_of(-103))};
    f.reply(r, 0, answer);
    CHECK(checked.ec() == server_errc::bad_version);
}

TEST_CASE("R8: ephemerals under a chroot: neither those of a namesake, nor the chroot in the result") {
    fixture f(chrooted());
    f.attach();
    outcome<std::vector<std::string>> got;
    f.client.ephemerals("/", got.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::get_ephemerals));
    CHECK(r.as<proto::path_request>().path == "/app");
    proto::get_ephemerals_response answer;
    answer.ephemerals = {"/app", "/app/x", "/apple", "/app/y/z"};
    f.reply(r, 0, answer);
    CHECK(got.value() == std::vector<std::string>{"/", "/x", "/y/z"});
}

TEST_CASE("all_children_number") {
    fixture f(chrooted());
    f.attach();
    outcome<std::int32_t> got;
    f.client.all_children_number("/a", got.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::get_all_children_number));
    CHECK(r.as<proto::path_request>().path == "/app/a");
    proto::total_number_response answer;
    answer.total_number = 42;
    f.reply(r, 0, answer);
    CHECK(got.value() == 42);
}

TEST_CASE("what a server does not know costs one connection, once") {
    fixture f;
    f.attach();
    outcome<std::int32_t> first;
    f.client.all_children_number("/a", first.handler());
    f.reply(f.request(), unimplemented);
    f.lose();
    CHECK(first.ec() == server_errc::unimplemented);
    f.attach();
    outcome<std::int32_t> second;
    f.client.all_children_number("/b", second.handler());
    CHECK(f.requests().empty());
    CHECK(second.ec() == server_errc::unimplemented);
    CHECK(!f.server.peer->closed());
    CHECK(zk::outcome_of(second.ec()) == zk::outcome::rejected);
    // While there is no connection it waits for the server that will be.
    f.lose();
    outcome<std::int32_t> third;
    f.client.all_children_number("/c", third.handler());
    f.sim.run_ready();
    CHECK(!third.done());
    f.attach();
    CHECK(third.ec() == server_errc::unimplemented);
}

TEST_CASE("check_watches and remove_watches") {
    fixture f(chrooted());
    f.attach();
    outcome<zk::watcher> added;
    f.client.add_watch("/a", zk::add_watch_mode::persistent, added.handler());
    f.reply(f.request(), 0, proto::error_response());

    outcome<bool> watched;
    f.client.check_watches("/a", zk::watch_type::data, watched.handler());
    auto r = f.request();
    CHECK(r.is(opcode::check_watches));
    CHECK(r.as<proto::remove_watches_request>() == proto::remove_watches_request{"/app/a", 2});
    f.reply(r, 0);
    CHECK(watched.value());
    outcome<bool> unwatched;
    f.client.check_watches("/b", zk::watch_type::any, unwatched.handler());
    f.reply(f.request(), -121);
    CHECK(!unwatched.ec());
    CHECK(!unwatched.value());

    outcome<zk::watch_event> event;
    added.value().next(event.handler());
    for (const std::int32_t err : {0, -121}) {
        outcome<> removed;
        f.client.remove_watches("/a", removed.handler());
        r = f.request();
        CHECK(r.is(opcode::remove_watches));
        CHECK(r.as<proto::remove_watches_request>() == proto::remove_watches_request{"/app/a", 3});
        f.reply(r, err);
        CHECK(!removed.ec());
    }
    CHECK(event.ec() == client_errc::watch_ended);
    added.value() = zk::watcher();
    CHECK(f.requests().empty());    // nothing is left to be removed
    f.lose();
    f.attach();
    CHECK(f.requests().empty());
}

TEST_SUITE_END();
