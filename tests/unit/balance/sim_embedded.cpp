// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/balance/sim_embedded.hpp"

#include <algorithm>
#include <utility>

namespace muster::test {

sim_embedded::sim_embedded(simulation& s, bool recursive, std::size_t servers)
    : sim_(s), recursive_(recursive), server_({}, servers), served_(servers) {
    keep_time();
    for (std::size_t i = 0; i != servers; ++i) {
        sim_.world->set_server(at(("10.0.0." + std::to_string(i + 1)).c_str()), sim_world::answer::accept);
    }
}

sim_embedded::~sim_embedded() {
    for (link& l : links_) {
        if (l.open) l.close();
    }
}

void sim_embedded::put(const std::string& path, const std::string& data) {
    REQUIRE(server_.call(writer(), opcode::create, world::node(path, data)).err == 0);
}

void sim_embedded::serve() {
    int turns_at_once = 0;
    do {
        sim_.run_ready();
        REQUIRE(++turns_at_once < 100'000);    // a client that asks for ever at one moment
    } while (answer());
}

void sim_embedded::pass(runtime::duration d) {
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

void sim_embedded::drop_connections() {
    keep_time();
    for (link& l : links_) {
        if (!l.open) continue;
        l.close();
        server_.e.at(l.at).closed(l.id, server_.now);
    }
    serve();
}

void sim_embedded::crash() {
    keep_time();
    sim_.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    server_.e.crash(0, server_.now);
}

void sim_embedded::restart() {
    keep_time();
    server_.e.restart(0, server_.now);
}

void sim_embedded::keep_time() {
    server_.now = sim_.world->now();
    server_.e.tick(server_.now);
}

wire_client& sim_embedded::writer() {
    keep_time();
    if (!writer_ || writer_->closed) writer_ = server_.connect();
    return *writer_;
}

bool sim_embedded::answer() {
    bool busy = false;
    keep_time();
    while (auto peer = sim_.world->accept()) {
        link& l = links_.emplace_back(*this);
        l.peer = std::move(peer);
        l.at = l.peer->address().address().to_v4().to_bytes().back() - 1U;
        l.since = server_.now;
        l.id = server_.e.at(l.at).open(l, "10.0.0.99", server_.now);
        busy = true;
    }
    for (link& l : links_) busy |= l.open && serve(l);
    for (link& l : links_) count_told(l);
    links_.remove_if([](const link& l) { return !l.open; });
    turns += busy ? 1 : 0;
    return busy;
}

bool sim_embedded::serve(link& l) {
    const std::string bytes = l.peer->take();
    if (!bytes.empty() && count_asked(l, bytes)) server_.e.at(l.at).received(l.id, bytes, server_.now);
    if (l.open && l.peer->closed()) {
        l.open = false;
        server_.e.at(l.at).closed(l.id, server_.now);
    }
    return !bytes.empty();
}

bool sim_embedded::count_asked(link& l, const std::string& bytes) {
    l.asked += bytes;
    for (const std::string& frame : take_frames(l.asked)) {
        if (!std::exchange(l.greeted, true)) continue;
        const sent_request r = parse_request(frame);
        if (r.is(opcode::ping)) continue;
        if (r.is(opcode::add_watch) && !recursive_) {
            l.peer->send(reply_frame(r.xid, 1, unimplemented));
            l.close();
            server_.e.at(l.at).closed(l.id, server_.now);
            return false;
        }
        ++counted.requests;
        counted.bytes += 4 + frame.size();
        if (r.is(opcode::get_data)) ++counted.reads;
        if (r.is(opcode::multi_read)) counted.reads += static_cast<int>(r.as<proto::multi_request>().operations.size());
        for (const auto op : {opcode::create, opcode::create2, opcode::remove, opcode::set_data, opcode::multi}) {
            if (r.is(op)) ++counted.writes;
        }
        if (!r.is(opcode::get_children2)) continue;
        ++counted.lists;
        listed_after.push_back(server_.now - l.since);
    }
    return true;
}

void sim_embedded::count_told(link& l) {
    for (const std::string& frame : take_frames(l.told)) {
        if (!std::exchange(l.answered, true)) {
            ++served_.at(l.at);
            continue;
        }
        proto::reply_header header;
        proto::reader in(frame);
        header.read(in);
        if (header.xid == proto::xid_ping) continue;
        if (header.xid == proto::xid_event) ++counted.events;
        counted.bytes += 4 + frame.size();
    }
}

}    // namespace muster::test
