// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client with TLS in a virtual world, and its servers, which the test plays.
#pragma once

#include "client_fixture.hpp"
#include "support/certificates.hpp"
#include "support/scratch.hpp"
#include "support/tls_end.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

using zk::tls_errc;

/// A world with certificates. Servers zk1.test, zk2.test and zk3.test have the addresses 10.0.0.1 to 10.0.0.3.
struct tls_fixture {
    static constexpr std::uint16_t port = 2281;

    tls_fixture() : trusted("Trusted CA", sim.world->wall_now()), stranger("Stranger CA", sim.world->wall_now()) {
        write_file(file("ca.pem"), trusted.pem());
        policy.own = trusted.issue("zk", {"zk1.test", "zk2.test", "zk3.test"});
        for (const char* n : {"1", "2", "3"}) {
            sim.world->set_name(std::string("zk") + n + ".test", {std::string("10.0.0.") + n});
            sim.world->set_server(at((std::string("10.0.0.") + n).c_str(), port), sim_world::answer::accept);
        }
    }

    simulation sim;
    temp_dir dir;
    authority trusted, stranger;
    tls_policy policy;    // of all servers but those in `policies`
    std::map<runtime::endpoint, tls_policy> policies;
    std::optional<zk::client> client;
    std::vector<std::shared_ptr<tls_end>> ends;    // all connections, the newest last

    std::string file(const std::string& name) const { return (dir.path() / name).string(); }

    zk::config config(const char* servers = "zk1.test:2281") const {
        zk::config c = config_for_tests(servers);
        c.tls.emplace();
        c.tls->ca_file = file("ca.pem");
        return c;
    }
    /// The config with a certificate of the client's own.
    zk::config with_certificate(const certificate& own) const {
        write_file(file("client.pem"), own.pem);
        write_file(file("client.key"), own.key);
        zk::config c = config();
        c.tls->certificate_chain_file = file("client.pem");
        c.tls->private_key_file = file("client.key");
        return c;
    }

    void start(zk::config c) {
        client.emplace(make_client(sim.io.get_executor(), std::move(c), sim.world));
        client->start();
    }
    void start() { start(config()); }

    /// Runs all that can run while time stands still, servers included.
    void run_ready() {
        for (bool more = true; more;) {
            sim.run_ready();
            more = false;
            while (auto peer = sim.world->accept()) {
                const auto own = policies.find(peer->address());
                if (on_accept) on_accept(*peer);
                ends.push_back(std::make_shared<tls_end>(std::move(peer), own != policies.end() ? own->second : policy));
                more = true;
            }
            for (const auto& e : ends) more = e->step() || more;
        }
    }
    std::function<void(sim_peer&)> on_accept;

    /// Runs for a time, from timer to timer.
    void run_for(runtime::duration d) {
        const auto end = sim.world->now() + d;
        run_ready();
        for (auto next = sim.world->next_timer(); next && *next <= end; next = sim.world->next_timer()) {
            sim.world->advance_to(*next);
            run_ready();
        }
        sim.world->advance_to(end);
        run_ready();
    }

    tls_end& end() {
        REQUIRE(!ends.empty());
        return *ends.back();
    }
    /// Waits for the client's connect request and answers it.
    proto::connect_request greet(std::int64_t id = 0x1234) {
        run_ready();
        std::string came = end().take();
        const auto frames = take_frames(came);
        REQUIRE(frames.size() == 1);
        end().send(handshake_frame(id, 9s));
        run_ready();
        return parse_connect(frames.front());
    }
    sent_request request() {
        run_ready();
        std::string came = end().take();
        const auto frames = take_frames(came);
        REQUIRE(frames.size() == 1);
        return parse_request(frames.front());
    }
    template <class... Records>
    void reply(const sent_request& r, std::int32_t err, const Records&... body) {
        end().send(reply_frame(r.xid, ++zxid, err, body...));
        run_ready();
    }
    std::int64_t zxid = 0x100;

    void lose() {
        end().peer().close();
        run_ready();
    }
    session_state state() const { return client->session().state; }
    error_code last_error() const { return client->session().last_error; }
    std::string message() const { return client->session().message; }
};

}    // namespace muster::test
