// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrars and balancers at the embedded server in the test's own process.
#include "integration/embedded_fixture.hpp"

#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

constexpr auto await = asio::use_awaitable;

registration on_port(std::uint16_t port) {
    instance i;
    i.ip = "127.0.0.1";
    i.port = port;
    return registration("s", i);
}

}    // namespace

TEST_CASE("without a quorum a client in read-only mode serves picks, and what registers on it waits until writes are taken") {
    embedded_fixture f;
    zk::config patient(f.server.connect_string());
    patient.session_timeout = 4s;
    registrar there(f.l.io, patient, on_port(1));
    f.l.run(there.start(await));
    f.server.read_only(true);

    zk::config reads = patient;
    reads.read_only = true;
    zk::client c(f.l.io, reads);
    balancer lb(c);
    CHECK(f.l.run(lb.pick("s", pick_options(), await))->port == 1);
    CHECK(c.session().read_only);

    registrar waits(c, on_port(2));
    std::optional<error_code> started;
    waits.start([&](error_code ec) { started = ec; });
    REQUIRE(f.l.until([&] { return waits.status().last_error == zk::server_errc::not_read_only; }));
    CHECK(waits.role() == role::none);
    CHECK(waits.status().session.safe_until == std::chrono::steady_clock::time_point());
    CHECK(!started);

    f.server.read_only(false);
    REQUIRE(f.l.until([&] { return started.has_value(); }));
    CHECK(*started == error_code());
    CHECK(waits.role() == role::normal);
    CHECK_FALSE(c.session().read_only);
    CHECK(waits.status().registrations == 1);
    REQUIRE(f.l.until([&] { return lb.view("s").value().instances.size() == 2; }));
    CHECK(there.role() == role::master);
    CHECK(there.status().registrations == 1);
    f.l.run(waits.close(await));
    f.l.run(there.close(await));
    CHECK(f.l.run(f.c->children("/micro-service/s", await)).names.empty());
}

TEST_CASE("a pick that throws says what it was for, also after it waited") {
    embedded_fixture f;
    balancer lb(f.l.io, f.server.connect_string());
    const auto message = [&](asio::awaitable<lease> pick) -> std::string {
        try {
            f.l.run(std::move(pick));
        } catch (const boost::system::system_error& e) {
            return e.what();
        }
        return "it did not throw";
    };
    pick_options o;
    o.policy = policy::urlhash;
    o.pool = pool::normals;
    const std::string keyless = message(lb.pick("s", o));
    o.key = "/a";
    o.wait = 100ms;
    for (const std::string& m : {keyless, message(lb.pick("s", o)), message(lb.picker("s", o).value().pick("/a"))}) {
        CAPTURE(m);
        CHECK(m.starts_with("service 's', policy urlhash, pool normals: "));
    }
    CHECK(message(lb.master("s", 50ms)).starts_with("service 's', policy roundrobin, pool master: "));
    CHECK(message(lb.pick("a/b")).find("'a/b'") != std::string::npos);
}
