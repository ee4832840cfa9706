// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Writes that survive a lost reply, against a server that loses it.
#include "guarded_fixture.hpp"
#include "zk/guarded_write.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <string>

using namespace muster;
using namespace muster::test;
using zk::create_mode;
using scene = guarded_scene;
using loss = sim_registry::loss;

TEST_SUITE_BEGIN("client: guarded writes");

namespace {

constexpr loss losses[] = {loss::none, loss::before, loss::after};
constexpr std::size_t prefix_length = 3 + 36 + 1;

}    // namespace

TEST_CASE("R14: a protected create makes one znode, whatever is lost") {
    for (const auto mode : {create_mode::persistent, create_mode::ephemeral, create_mode::ephemeral_sequential}) {
        for (const loss l : losses) {
            CAPTURE(static_cast<int>(mode));
            CAPTURE(static_cast<int>(l));
            scene s;
            s.registry.lose_next(l);
            outcome<zk::create_result> created;
            s.client->create_protected("/a/n-", "data", mode, created.handler());
            s.settle();
            REQUIRE_FALSE(created.ec());
            REQUIRE(s.names().size() == 1);
            CHECK(created.value().path == "/a/" + s.names().front());
            CHECK(created.value().stat == s.registry.tree.find(created.value().path)->stat);
            CHECK((created.value().stat.ephemeral_owner != 0) == (mode != create_mode::persistent));
        }
    }
}

TEST_CASE("a protected create has Curator's name") {
    scene s;
    for (const char* name : {"x", "x"}) s.client->create_protected(std::string("/a/") + name, "", {}, [](error_code, auto&&) {});
    s.settle();
    const auto names = s.names();
    REQUIRE(names.size() == 2);    // another UUID each time
    for (const auto& n : names) {
        CHECK(n.starts_with("_c_"));
        CHECK(n.substr(prefix_length - 1) == "-x");
        CHECK(n[3 + 14] == '4');    // the UUID's version
        CHECK(std::string("89ab").find(n[3 + 19]) != std::string::npos);
        for (const std::size_t dash : {8U, 13U, 18U, 23U}) CHECK(n[3 + dash] == '-');
        CHECK(n.substr(3, 36).find_first_not_of("0123456789abcdef-") == std::string::npos);
    }
    outcome<zk::create_result> root;
    s.client->create_protected("/r", "", {}, root.handler());
    outcome<zk::create_result> nameless;
    s.client->create_protected("/a/", "", {}, nameless.handler());
    outcome<zk::create_result> no_path;
    s.client->create_protected("x", "", {}, no_path.handler());
    s.settle();
    CHECK(root.value().path.ends_with("-r"));
    CHECK(nameless.ec() == client_errc::invalid_path);
    CHECK(no_path.ec() == client_errc::invalid_path);
}

TEST_CASE("R14: a protected create whose session ends in the gap makes one znode, of the session that follows") {
    for (const auto mode : {create_mode::ephemeral, create_mode::persistent}) {
        CAPTURE(static_cast<int>(mode));
        scene s;
        s.connect();
        outcome<zk::create_result> created;
        s.client->create_protected("/a/n", "", mode, created.handler());
        s.lose(loss::after);
        REQUIRE_FALSE(created.done());
        s.registry.replace_sessions();
        s.come_back();
        REQUIRE_FALSE(created.ec());
        REQUIRE(s.names().size() == 1);    // an ephemeral one went with its session, the other outlives it
        CHECK(created.value().path == "/a/" + s.names().front());
        const auto owner = mode == create_mode::ephemeral ? s.client->session().id : 0;
        CHECK(s.registry.tree.find(created.value().path)->stat.ephemeral_owner == owner);
    }
}

TEST_CASE("R16: a guarded set writes once, and does not fail on its own effect") {
    for (const loss l : losses) {
        CAPTURE(static_cast<int>(l));
        scene s;
        s.connect();
        s.registry.lose_next(l);
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", 0, set.handler());
        s.settle();
        REQUIRE_FALSE(set.ec());
        CHECK(set.value().version == 1);
        CHECK(s.registry.tree.find("/a")->data == "second");
        CHECK(s.registry.tree.find("/a")->stat.version == 1);
    }
}

TEST_CASE("a guarded set that was lost tells when somebody else was first") {
    scene s;
    s.connect();
    outcome<zk::stat> set;
    s.client->set_guarded("/a", "second", 0, set.handler());
    s.lose(loss::before);
    s.registry.tree.set("/a", "another");
    s.come_back();
    CHECK(set.ec() == server_errc::bad_version);
    CHECK(s.registry.tree.find("/a")->data == "another");

    outcome<zk::stat> gone;
    s.client->set_guarded("/a", "second", 1, gone.handler());
    s.lose(loss::before);
    s.registry.tree.drop("/a");
    s.come_back();
    CHECK(gone.ec() == client_errc::connection_lost);    // nobody knows whether it was written before that
}

TEST_CASE("a guarded set that others have written over does not say that it was not written") {
    for (const loss l : {loss::before, loss::after}) {
        CAPTURE(static_cast<int>(l));
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", 0, set.handler());
        s.lose(l);
        s.registry.tree.set("/a", "another");
        s.registry.tree.set("/a", "a third");
        s.come_back();
        CHECK(set.ec() == client_errc::connection_lost);
        CHECK(s.registry.tree.find("/a")->data == "a third");
    }
}

TEST_CASE("a guarded set of any version writes until it is told that it did") {
    scene s;
    s.registry.lose_next(loss::after);
    outcome<zk::stat> set;
    s.client->set_guarded("/a", "second", zk::any_version, set.handler());
    s.settle();
    REQUIRE_FALSE(set.ec());
    CHECK(set.value().version == 2);    // at least once
}

TEST_CASE("guarded writes of any version go on in the next session") {
    for (const loss l : {loss::before, loss::after}) {
        CAPTURE(static_cast<int>(l));
        scene s;
        s.registry.tree.put("/b", "first");
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", zk::any_version, set.handler());
        s.lose(l);
        s.registry.replace_sessions();
        s.come_back();
        CHECK_FALSE(set.ec());
        CHECK(s.registry.tree.find("/a")->data == "second");

        outcome<> removed;
        s.client->remove_guarded("/b", zk::any_version, removed.handler());
        s.lose(l);
        s.registry.replace_sessions();
        s.come_back();
        CHECK_FALSE(removed.ec());
        CHECK(s.registry.tree.find("/b") == nullptr);
    }
}

TEST_CASE("R16: a guarded deletion succeeds once the znode is gone, and spares another version") {
    for (const std::int32_t version : {0, zk::any_version}) {
        for (const loss l : losses) {
            CAPTURE(version);
            CAPTURE(static_cast<int>(l));
            scene s;
            s.connect();
            s.registry.lose_next(l);
            outcome<> removed;
            s.client->remove_guarded("/a", version, removed.handler());
            s.settle();
            CHECK_FALSE(removed.ec());
            CHECK(s.registry.tree.find("/a") == nullptr);
        }
    }
    scene s;
    s.connect();
    outcome<> removed;
    s.client->remove_guarded("/a", 0, removed.handler());
    s.lose(loss::before);
    s.registry.tree.set("/a", "another");
    s.come_back();
    CHECK(removed.ec() == server_errc::bad_version);
    CHECK(s.registry.tree.find("/a") != nullptr);
}

TEST_CASE("other errors of a guarded write are those of the write") {
    scene s;
    outcome<zk::create_result> created;
    s.client->create_protected("/none/n", "", {}, created.handler());
    outcome<zk::stat> set;
    s.client->set_guarded("/a", "", 7, set.handler());
    outcome<> removed;
    s.client->remove_guarded("/none", 0, removed.handler());
    s.settle();
    CHECK(created.ec() == server_errc::no_node);
    CHECK(set.ec() == server_errc::bad_version);
    CHECK(removed.ec() == server_errc::no_node);
}

TEST_CASE("a guarded write has one time for all of its requests") {
    scene s;
    s.connect();
    outcome<zk::stat> unknown;
    s.client->with_timeout(2s).set_guarded("/a", "second", 0, unknown.handler());
    s.lose(loss::after);
    s.sim.run_for(1900ms);
    CHECK_FALSE(unknown.done());
    s.sim.run_for(200ms);
    CHECK(unknown.ec() == client_errc::deadline_exceeded);    // it was written, and nobody has looked

    outcome<zk::stat> unsent;
    s.client->with_timeout(2s).set_guarded("/a", "third", 1, unsent.handler());
    s.sim.run_for(2100ms);
    CHECK(unsent.ec() == client_errc::deadline_exceeded_unsent);
}

TEST_CASE("what is written again, and is not, does not make the first attempt one that was not applied") {
    SUBCASE("its time is over") {
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->with_timeout(2s).set_guarded("/a", "second", zk::any_version, set.handler());
        s.sim.run_for(2100ms);    // it was written, and the server is slow
        CHECK(set.ec() == client_errc::deadline_exceeded);
    }
    SUBCASE("its client is closed") {
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", zk::any_version, set.handler());
        s.lose(loss::after);
        s.client->close([](error_code) {});
        s.settle();
        CHECK(set.ec() == client_errc::connection_lost);
    }
    SUBCASE("its client is destroyed while the first attempt is under way") {
        for (const std::int32_t version : {0, zk::any_version}) {
            CAPTURE(version);
            scene s;
            s.connect();
            outcome<zk::stat> set;
            s.client->set_guarded("/a", "second", version, set.handler());
            s.sim.run_ready();
            s.client.reset();
            s.settle();
            CHECK(set.ec() == client_errc::connection_lost);
        }
    }
    SUBCASE("but one that was looked for and not found was not applied") {
        auto w = zk::detail::guarded_write::set("/a", "second", 0, 0);
        w.on_write(client_errc::connection_lost);
        CHECK(w.lost() == client_errc::connection_lost);
        w.on_sync({});
        w.on_look({}, "first", zk::stat(), 1);
        REQUIRE(w.next() == zk::detail::guarded_write::step::write);
        w.on_write(client_errc::closed);
        CHECK(w.error() == client_errc::closed);
    }
}

TEST_CASE("an attempt that is refused does not tell that the one before it was not applied") {
    using zk::detail::guarded_write;
    SUBCASE("set, and the znode is gone") {
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", zk::any_version, set.handler());
        s.lose(loss::after);
        s.registry.tree.drop("/a");
        s.come_back();
        CHECK(set.ec() == client_errc::connection_lost);
    }
    SUBCASE("set, and somebody took the right to it away") {
        auto w = guarded_write::set("/a", "second", zk::any_version, 0);
        w.on_write(client_errc::connection_lost);
        w.on_write(server_errc::no_auth);
        CHECK(w.error() == client_errc::connection_lost);
    }
    SUBCASE("remove, and somebody else did it behind the look: that is what was wanted") {
        auto w = guarded_write::remove("/a", zk::any_version, 0);
        w.on_write(client_errc::connection_lost);
        w.on_sync({});
        w.on_look({}, "first", zk::stat(), 1);
        REQUIRE(w.next() == guarded_write::step::write);
        w.on_write(server_errc::no_node);
        CHECK(w.next() == guarded_write::step::done);
        CHECK_FALSE(w.error());
    }
    SUBCASE("remove, and it is another's, which has children") {
        auto w = guarded_write::remove("/a", zk::any_version, 0);
        w.on_write(client_errc::connection_lost);
        w.on_sync({});
        w.on_look({}, "first", zk::stat(), 1);
        w.on_write(server_errc::not_empty);
        CHECK(w.error() == client_errc::connection_lost);
    }
    SUBCASE("an ephemeral that was found, of a session before") {
        int names = 0;
        auto w = guarded_write::create(
            "/a/n", [&] { return "_c_" + std::to_string(++names) + "-"; }, true);
        zk::stat theirs;
        theirs.ephemeral_owner = 1;
        CHECK(w.path() == "/a/_c_1-n");
        w.on_write(client_errc::connection_lost);
        w.on_sync({});
        w.on_list({}, {"_c_1-n"});
        w.on_look({}, "", theirs, 2);
        REQUIRE(w.next() == guarded_write::step::write);
        CHECK(w.path() == "/a/_c_2-n");    // the other one goes with its session
        SUBCASE("and is made anew") {
            w.on_write({});
            CHECK(w.next() == guarded_write::step::done);
            CHECK_FALSE(w.error());
        }
        SUBCASE("and cannot be made anew: the first has been there") {
            w.on_write(server_errc::no_node);
            CHECK(w.error() == client_errc::connection_lost);
        }
    }
    SUBCASE("the server says that the session has expired, before the client sees it") {
        int names = 0;
        for (const bool ephemeral : {false, true}) {
            auto w = guarded_write::create(
                "/a/n", [&] { return "_c_" + std::to_string(++names) + "-"; }, ephemeral);
            const std::string first = w.path();
            w.on_write(client_errc::connection_lost);
            w.on_sync(server_errc::session_expired);
            CHECK(w.next() == (ephemeral ? guarded_write::step::write : guarded_write::step::sync));
            CHECK((w.path() == first) == !ephemeral);
            for (int i = 0; i != 10; ++i)
                ephemeral ? w.on_write(server_errc::session_expired) : w.on_sync(server_errc::session_expired);
            CHECK(w.next() == guarded_write::step::done);    // it does not close the connection: not for ever
            CHECK(w.error() == client_errc::connection_lost);
        }
    }
    SUBCASE("create, and the parent is gone: with what was created, or before") {
        auto w = guarded_write::create(
            "/a/n", [] { return std::string("_c_1-"); }, false);
        w.on_write(client_errc::connection_lost);
        w.on_sync({});
        w.on_list(server_errc::no_node, {});
        CHECK(w.next() == guarded_write::step::done);
        CHECK(w.error() == client_errc::connection_lost);
    }
}

TEST_CASE("a guarded write ends with its client") {
    SUBCASE("closed") {
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", 0, set.handler());
        s.lose(loss::after);
        outcome<> closed;
        s.client->close(closed.handler());
        s.settle();
        CHECK(set.ec() == client_errc::connection_lost);    // it may have been applied
    }
    SUBCASE("destroyed") {
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_guarded("/a", "second", 0, set.handler());
        s.lose(loss::after);
        s.client.reset();
        s.settle();
        CHECK(set.ec() == client_errc::connection_lost);
        CHECK_FALSE(s.sim.world->next_timer().has_value());
    }
}
