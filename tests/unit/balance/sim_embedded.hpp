// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The embedded server's machine as the only ZooKeeper of a virtual world, with a count of what passes over the wire.
#pragma once

#include "unit/embedded/fixture.hpp"
#include "unit/zk/client_fixture.hpp"

#include "runtime/world.hpp"

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::test {

/// What passed, pings and handshakes apart.
struct traffic {
    int requests = 0;    ///< Of any kind.
    int reads = 0;       ///< Of data, those in batches counted one by one.
    int lists = 0;
    int events = 0;
    std::uint64_t bytes = 0;    ///< In both directions.
};

class sim_embedded {
public:
    /// `recursive`: whether the server knows watches of that kind; those before 3.6 do not, and close the connection.
    explicit sim_embedded(simulation& s, bool recursive = true) : sim_(s), recursive_(recursive) {
        keep_time();
        sim_.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    }
    sim_embedded(const sim_embedded&) = delete;
    sim_embedded& operator=(const sim_embedded&) = delete;

    traffic counted;
    int turns = 0;    ///< Times the server found something to do.
    /// For each list that was asked for: how long its connection had stood.
    std::vector<runtime::duration> listed_after;

    // Change the tree, without a trace in what is counted.
    void put(const std::string& path, const std::string& data = "") {
        REQUIRE(server_.call(writer(), opcode::create, world::node(path, data)).err == 0);
    }
    void set(const std::string& path, const std::string& data) { REQUIRE(server_.set(writer(), path, data) == 0); }
    void drop(const std::string& path) { REQUIRE(server_.remove(writer(), path) == 0); }

    /// Lets clients and server work until none of them has anything to do.
    void serve() {
        do sim_.run_ready();
        while (answer());
    }

    /// Time passes, from one moment at which something is due to the next.
    void pass(runtime::duration d) {
        const auto end = sim_.world->now() + d;
        for (;;) {
            serve();
            auto next = sim_.world->next_timer().value_or(end);
            next = std::min(next, server_.e.deadline().value_or(end));
            if (next > end) break;
            sim_.world->advance_to(std::max(next, sim_.world->now()));
            keep_time();
            if (next == end) break;
        }
        sim_.world->advance_to(end);
        keep_time();
        serve();
    }

    /// The server ends, and nobody can reach it.
    void crash() {
        keep_time();
        sim_.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        server_.e.crash(0, server_.now);
    }
    /// It is back with its tree, but still out of reach.
    void restart() {
        keep_time();
        server_.e.restart(0, server_.now);
    }
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
        embedded::server::connection_id id = 0;
        runtime::time_point since{};
        bool open = true;
        bool greeted = false;
        bool answered = false;
        std::string asked;    // frames that are not counted yet
        std::string told;
    };

    void keep_time() {
        server_.now = sim_.world->now();
        server_.e.tick(server_.now);
    }

    /// A client whose session may expire: it makes nothing ephemeral.
    wire_client& writer() {
        keep_time();
        if (!writer_ || writer_->closed) writer_ = server_.connect();
        return *writer_;
    }

    bool answer() {
        bool busy = false;
        keep_time();
        while (auto peer = sim_.world->accept()) {
            link& l = links_.emplace_back(*this);
            l.peer = std::move(peer);
            l.since = server_.now;
            l.id = server_.e.at(0).open(l, "10.0.0.2", server_.now);
            busy = true;
        }
        for (link& l : links_) busy |= l.open && serve(l);
        for (link& l : links_) count_told(l);
        links_.remove_if([](const link& l) { return !l.open; });
        turns += busy ? 1 : 0;
        return busy;
    }

    bool serve(link& l) {
        const std::string bytes = l.peer->take();
        if (!bytes.empty() && count_asked(l, bytes)) server_.e.at(0).received(l.id, bytes, server_.now);
        if (l.open && l.peer->closed()) {
            l.open = false;
            server_.e.at(0).closed(l.id, server_.now);
        }
        return !bytes.empty();
    }

    /// False if the server does not know a request.
    bool count_asked(link& l, const std::string& bytes) {
        l.asked += bytes;
        for (const std::string& frame : take_frames(l.asked)) {
            if (!std::exchange(l.greeted, true)) continue;
            const sent_request r = parse_request(frame);
            if (r.is(opcode::ping)) continue;
            if (r.is(opcode::add_watch) && !recursive_) {
                l.peer->send(reply_frame(r.xid, 1, unimplemented));
                l.close();
                server_.e.at(0).closed(l.id, server_.now);
                return false;
            }
            ++counted.requests;
            counted.bytes += 4 + frame.size();
            if (r.is(opcode::get_data)) ++counted.reads;
            if (r.is(opcode::multi_read)) counted.reads += static_cast<int>(r.as<proto::multi_request>().operations.size());
            if (!r.is(opcode::get_children2)) continue;
            ++counted.lists;
            listed_after.push_back(server_.now - l.since);
        }
        return true;
    }

    void count_told(link& l) {
        for (const std::string& frame : take_frames(l.told)) {
            if (!std::exchange(l.answered, true)) continue;
            proto::reply_header header;
            proto::reader in(frame);
            header.read(in);
            if (header.xid == proto::xid_ping) continue;
            if (header.xid == proto::xid_event) ++counted.events;
            counted.bytes += 4 + frame.size();
        }
    }

    simulation& sim_;
    const bool recursive_;
    world server_;
    world::client writer_;
    std::list<link> links_;
};

}    // namespace muster::test
