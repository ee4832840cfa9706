// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The embedded server's machine as the only ZooKeeper of a virtual world, with a count of what passes over the wire.
#pragma once

#include "unit/embedded/fixture.hpp"
#include "unit/zk/client_fixture.hpp"

#include "runtime/world.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// What passed, pings and handshakes apart.
struct traffic {
    int requests = 0;    ///< Of any kind.
    int reads = 0;       ///< Of data, those in batches counted one by one.
    int lists = 0;
    int writes = 0;    ///< Creations, deletions, changes and transactions, whatever came of them.
    int events = 0;
    std::uint64_t bytes = 0;    ///< In both directions.
};

class sim_embedded {
public:
    /// `recursive`: whether the server knows watches of that kind; those before 3.6 do not, and close the connection.
    /// `servers`: how many make the ensemble, at 10.0.0.1, 10.0.0.2, ...
    explicit sim_embedded(simulation& s, bool recursive = true, std::size_t servers = 1);
    /// Breaks all connections.
    ~sim_embedded();
    sim_embedded(const sim_embedded&) = delete;
    sim_embedded& operator=(const sim_embedded&) = delete;

    traffic counted;
    int turns = 0;    ///< Times the server found something to do.
    /// For each list that was asked for: how long its connection had stood.
    std::vector<runtime::duration> listed_after;

    // Change the tree, without a trace in what is counted.
    void put(const std::string& path, const std::string& data = "");
    void set(const std::string& path, const std::string& data) { REQUIRE(server_.set(writer(), path, data) == 0); }
    void drop(const std::string& path) { REQUIRE(server_.remove(writer(), path) == 0); }

    /// Lets clients and server work until none of them has anything to do.
    void serve();

    /// Time passes, from one moment at which something is due to the next.
    void pass(runtime::duration d);

    embedded::ensemble& ensemble() noexcept { return server_.e; }
    /// How often a server has answered a connect request.
    int served(std::size_t server) const { return served_.at(server); }
    /// Breaks all connections, as a failing network would.
    void drop_connections();

    /// The server ends, and nobody can reach it. Of an ensemble of one.
    void crash();
    /// It is back with its tree, but still out of reach.
    void restart();
    void reachable() { sim_.world->set_server(at("10.0.0.1"), sim_world::answer::accept); }

private:
    struct link final : embedded::connection_sink {
        explicit link(sim_embedded& o) : owner(o) {}
        void send(std::string_view bytes) override {
            told += bytes;
            peer->send(bytes);
        }
        void close() override {
            open = false;
            peer->close();
        }

        sim_embedded& owner;
        std::shared_ptr<sim_peer> peer;
        std::size_t at = 0;    // server
        embedded::server::connection_id id = 0;
        runtime::time_point since{};
        bool open = true;
        bool greeted = false;
        bool answered = false;
        std::string asked;    // frames that are not counted yet
        std::string told;
    };

    void keep_time();

    /// A client whose session may expire: it makes nothing ephemeral.
    wire_client& writer();

    bool answer();

    bool serve(link& l);

    /// False if the server does not know a request.
    bool count_asked(link& l, const std::string& bytes);

    void count_told(link& l);

    simulation& sim_;
    const bool recursive_;
    world server_;
    world::client writer_;
    std::list<link> links_;
    std::vector<int> served_;
};

}    // namespace muster::test
