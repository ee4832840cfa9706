// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of client_impl that tells what happens.
#include "zk/client_impl.hpp"

#include "proto_zk/notes.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace muster::zk::detail {
namespace {

std::string name_of(const host_port& h) {
    return h.host.find(':') == std::string::npos ? fmt::format("{}:{}", h.host, h.port) : fmt::format("[{}]:{}", h.host, h.port);
}

}    // namespace

/// Hands over what there is to be told. Nothing of the client is being changed meanwhile, so the sink may call it.
void client_impl::log() {
    if (!config_.log) return;
    {
        const std::lock_guard lock(mutex_);
        const bool full = backlog_.full();
        if (!std::exchange(told_overload_, full) && full) {
            proto::note n;
            n.event = log_event::overloaded;
            n.session = session_.info().id;
            n.count = backlog_.used().requests;
            session_.told().add(std::move(n));
        }
    }
    if (session_.told().empty()) return;
    for (const proto::note& n : session_.told().take()) {
        const std::string server = n.host ? name_of(hosts_[*n.host]) : std::string();
        log_record r;
        r.level = n.level;
        r.event = n.event;
        r.message = proto::describe(n.event);
        r.session = n.session;
        r.server = server;
        r.error = n.error;
        r.duration = n.duration;
        r.count = n.count;
        try {
            config_.log(r);
        } catch (...) {
            // The state of the session does not depend on who listens; and there is nobody to tell.
        }
    }
}

}    // namespace muster::zk::detail
