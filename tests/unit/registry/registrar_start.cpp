// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A registrar before its start, and one that closes with nothing to remove.
#include <muster/registrar.hpp>

#include "sim_registry.hpp"
#include "support/certificates.hpp"
#include "support/scratch.hpp"
#include "support/tls_end.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muster::test {
namespace {

/// A registrar that is not started, on a shared session in the virtual world.
struct newcomer {
    explicit newcomer(zk::config c = config_for_tests(), registration r = {"s", instance("10.1.1.1", 80)})
        : registry(sim),
          client(make_client(sim.io.get_executor(), std::move(c), sim.world)),
          reg(std::in_place, client, std::move(r)) {}

    simulation sim;
    sim_registry registry;
    zk::client client;
    std::optional<registrar> reg;
};

}    // namespace

TEST_CASE("a registrar tells of changes to who asked before its start") {
    newcomer n;
    outcome<registration_status> changed;
    n.reg->status_change(0, changed.handler());
    n.registry.serve();
    CHECK_FALSE(changed.done());
    CHECK(n.registry.requests() == 0);    // nothing begins before start()
    CHECK(n.reg->role() == role::none);

    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    CHECK_FALSE(started.ec());
    CHECK_FALSE(changed.ec());
    CHECK(changed.value().version > 0);
    CHECK(n.reg->role() == role::master);
}

TEST_CASE("data updated before the start is what is published") {
    newcomer n;
    instance later("10.1.1.1", 80, 7);
    outcome<> updated;
    n.reg->update(later, updated.handler());
    n.registry.serve();
    CHECK_FALSE(updated.done());
    CHECK(n.registry.requests() == 0);

    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    CHECK_FALSE(started.ec());
    CHECK_FALSE(updated.ec());
    const auto* znode = n.registry.tree.find("/micro-service/s/master");
    REQUIRE(znode);
    CHECK(znode->data.find("\"weight\":7") != std::string::npos);
    CHECK(znode->stat.version == 0);    // published at once, not put right afterwards
}

TEST_CASE("an update that cannot be published is refused before the start, and keeps what was there") {
    newcomer n;
    outcome<> updated;
    n.reg->update(instance(), updated.handler());
    n.registry.serve();
    CHECK(updated.ec() == registry_errc::invalid_instance);
    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    CHECK_FALSE(started.ec());
}

TEST_CASE("what cannot be registered is refused with the value, to who starts and to who watches") {
    registration r("s", instance("10.1.1.1", 80));
    error_code expected = registry_errc::invalid_name;
    const char* value = nullptr;
    SUBCASE("prefix") {
        r.prefix = "..";
        value = "'..'";
    }
    SUBCASE("service") {
        r.service = "a/b";
        value = "'a/b'";
    }
    SUBCASE("instance") {
        r.instance.port = 0;
        expected = registry_errc::invalid_instance;
        value = "port 0";
    }
    newcomer n(config_for_tests(), std::move(r));
    outcome<registration_status> changed;
    n.reg->status_change(0, changed.handler());
    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    CHECK(started.ec() == expected);
    CHECK(changed.value().last_error == expected);
    const auto message = n.reg->status().message;
    CAPTURE(message);
    CHECK(message.find(value) != std::string::npos);
    CHECK(message.find("expected") != std::string::npos);
    CHECK(n.registry.requests() == 0);
}

TEST_CASE("a registrar that ends before its start completes what waits") {
    for (const bool closed : {true, false}) {
        CAPTURE(closed);
        newcomer n;
        outcome<registration_status> changed;
        outcome<> updated;
        outcome<> done;
        n.reg->status_change(0, changed.handler());
        n.reg->update(instance("10.1.1.1", 81), updated.handler());
        if (closed)
            n.reg->close(done.handler());
        else
            n.reg.reset();
        n.registry.serve();
        CHECK_FALSE(changed.ec());
        CHECK(changed.value().closed);
        CHECK(updated.ec() == registry_errc::closed);
        CHECK(n.registry.requests() == 0);
        if (!closed) continue;
        CHECK_FALSE(done.ec());
        outcome<> started;
        n.reg->start(started.handler());
        n.registry.serve();
        CHECK(started.ec() == registry_errc::closed);
    }
}

TEST_CASE("a client that gives up for good ends its registrar, with the reason") {
    simulation sim;
    const temp_dir dir;
    const std::string ca = (dir.path() / "ca.pem").string();
    write_file(ca, authority("Trusted CA", sim.world->wall_now()).pem());
    sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    auto c = config_for_tests();
    c.tls.emplace();
    c.tls->ca_file = ca;
    registrar reg(make_client(sim.io.get_executor(), std::move(c), sim.world), registration("s", instance("10.1.1.1", 80)));
    outcome<> started;
    outcome<registration_status> changed;
    reg.start(started.handler());
    sim.run_ready();
    reg.status_change(reg.status().version, changed.handler());
    tls_end server(sim.world->accept(), {authority("Stranger CA", sim.world->wall_now()).issue("zk", {"10.0.0.1"}), {}});
    do sim.run_ready();
    while (server.step());
    CHECK(started.ec() == zk::tls_errc::certificate_untrusted);
    CHECK(changed.value().closed);
    CHECK(changed.value().session.state == session_state::auth_failed);
    CHECK(changed.value().last_error == zk::tls_errc::certificate_untrusted);
    CHECK(changed.value().message.starts_with("the certificate 'CN=zk' of 10.0.0.1:2181 is signed by 'CN=Stranger CA'"));
}

TEST_CASE("a chroot that does not exist ends the call that starts with an error; trying goes on until it is there") {
    newcomer n(config_for_tests("10.0.0.1:2181/chroot/of/ours"));
    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    CHECK(started.ec() == registry_errc::no_chroot);
    CHECK(n.reg->role() == role::none);
    CHECK(n.reg->status().last_error == registry_errc::no_chroot);
    CHECK(n.reg->status().message == "the chroot '/chroot/of/ours' does not exist");

    const int asked = n.registry.requests();
    for (int i = 0; i < 60; ++i) {
        n.sim.run_for(1s);
        n.registry.serve();
    }
    CHECK(n.registry.requests() > asked);
    CHECK(n.registry.requests() < asked + 200);    // with a back-off
    for (const char* path : {"/chroot", "/chroot/of"}) n.registry.tree.put(path, "");
    outcome<> again;
    n.reg->start(again.handler());
    for (int i = 0; i < 60 && !again.done(); ++i) {
        n.sim.run_for(1s);
        n.registry.serve();
    }
    CHECK(again.ec() == registry_errc::no_chroot);

    n.registry.tree.put("/chroot/of/ours", "");
    outcome<> third;
    n.reg->start(third.handler());
    for (int i = 0; i < 60 && !third.done(); ++i) {
        n.sim.run_for(1s);
        n.registry.serve();
    }
    CHECK_FALSE(third.ec());
    CHECK(n.reg->role() == role::master);
    CHECK(n.reg->status().message.empty());
    CHECK(n.registry.tree.find("/chroot/of/ours/micro-service/s/master"));
}

TEST_CASE("a master may act for as long as its session lives for certain, whatever its role says") {
    newcomer n;
    CHECK_FALSE(n.reg->may_act_as_master());
    outcome<> started;
    n.reg->start(started.handler());
    n.registry.serve();
    REQUIRE(n.reg->role() == role::master);
    CHECK(n.reg->may_act_as_master());
    const auto timeout = n.reg->status().session.timeout;
    n.sim.run_for(timeout - 1ms);
    CHECK(n.reg->may_act_as_master());
    n.sim.run_for(2ms);    // and no server has answered
    CHECK(n.reg->role() == role::master);
    CHECK_FALSE(n.reg->may_act_as_master());
}

TEST_CASE("who closes is nobody from then on, and not only when its znode is gone") {
    newcomer n;
    outcome<> started, closed;
    n.reg->start(started.handler());
    n.registry.serve();
    REQUIRE(n.reg->role() == role::master);
    outcome<registration_status> changed;
    n.reg->status_change(n.reg->status().version, changed.handler());
    n.reg->close(closed.handler());
    CHECK(n.reg->role() == role::none);
    CHECK_FALSE(n.reg->may_act_as_master());
    CHECK(n.reg->status().path.empty());
    n.sim.run_ready();    // and no server has answered
    CHECK_FALSE(closed.done());
    CHECK(changed.value().role == role::none);
    CHECK_FALSE(changed.value().closed);
    CHECK(n.reg->role() == role::none);
    CHECK(n.registry.tree.find("/micro-service/s/master"));
    n.registry.serve();
    CHECK_FALSE(closed.ec());
    CHECK(n.reg->status().closed);
    CHECK_FALSE(n.registry.tree.find("/micro-service/s/master"));
}

TEST_CASE("R20: a znode deleted by hand is back within a second, of a master and of a normal, again and again") {
    newcomer n;
    registrar other(make_client(n.sim.io.get_executor(), config_for_tests(), n.sim.world),
                    registration("s", instance("10.1.1.2", 80)));
    for (registrar* each : {&*n.reg, &other}) {
        outcome<> started;
        each->start(started.handler());
        n.registry.serve();
        REQUIRE_FALSE(started.ec());
    }
    for (registrar* each : {&*n.reg, &other, &*n.reg, &other, &other}) {
        const std::string path = each->status().path;
        REQUIRE(n.registry.tree.find(path));
        n.registry.tree.drop(path);
        for (auto passed = 0ms; passed < 1s; passed += 10ms) {
            n.registry.serve();
            n.sim.run_for(10ms);
        }
        CHECK(each->role() != role::none);
        REQUIRE(n.registry.tree.find(each->status().path));
        CHECK(n.registry.tree.find(each->status().path)->stat.czxid == each->status().czxid);
        CHECK((n.reg->role() == role::master) != (other.role() == role::master));
    }
}

TEST_CASE("R22: two processes with one identity are told which one it is") {
    newcomer n;
    const zk::client other = make_client(n.sim.io.get_executor(), config_for_tests(), n.sim.world);
    registrar twin(other, registration("s", instance("10.1.1.1", 80)));
    for (registrar* each : {&*n.reg, &twin}) {
        outcome<> started;
        each->start(started.handler());
        n.registry.serve();
        REQUIRE_FALSE(started.ec());
    }
    registration_status told;
    for (int i = 0; i < 6000 && told.last_error != registry_errc::conflict; ++i) {
        n.sim.run_for(10ms);
        n.registry.serve();
        for (const registrar* each : {&*n.reg, &twin})
            if (each->status().last_error == registry_errc::conflict) told = each->status();
    }
    REQUIRE(told.last_error == registry_errc::conflict);
    CAPTURE(told.message);
    for (const char* part : {"10.1.1.1:80", "'s'", "expected an identity that no other process has"})
        CHECK(told.message.find(part) != std::string::npos);
}

TEST_CASE("closing on a shared session with nothing to remove asks for nothing and waits for nothing") {
    SUBCASE("never registered, since no server was reached") {
        newcomer n;
        n.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        outcome<> started;
        n.reg->start(started.handler());
        n.sim.run_for(1s);
        CHECK_FALSE(started.done());
        outcome<> closed;
        n.reg->close(closed.handler());
        n.sim.run_ready();
        CHECK_FALSE(closed.ec());
        CHECK(started.ec() == registry_errc::closed);
        outcome<> session_closed;
        n.client.close(session_closed.handler());
        n.sim.run_ready();
        CHECK_FALSE(session_closed.ec());
        CHECK_FALSE(n.sim.world->next_timer());    // no deadline is left of a close that had nothing to wait for
    }
    SUBCASE("not started") {
        newcomer n;
        outcome<> closed;
        n.reg->close(closed.handler());
        n.sim.run_ready();
        CHECK_FALSE(closed.ec());
        CHECK(n.registry.requests() == 0);
        CHECK_FALSE(n.sim.world->next_timer());
    }
    SUBCASE("registered: the znode goes, the session stays, and no deadline is left") {
        newcomer n;
        outcome<> started;
        n.reg->start(started.handler());
        n.registry.serve();
        REQUIRE_FALSE(started.ec());
        outcome<> closed;
        n.reg->close(closed.handler());
        n.registry.serve();
        CHECK_FALSE(closed.ec());
        CHECK_FALSE(n.registry.tree.find("/micro-service/s/master"));
        CHECK(n.client.session().state == session_state::connected);
        outcome<> session_closed;
        n.client.close(session_closed.handler());
        n.registry.serve();
        CHECK_FALSE(session_closed.ec());
        CHECK_FALSE(n.sim.world->next_timer());
    }
}

}    // namespace muster::test
