// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What replies say.
#include "registry/service_view.hpp"

#include <muster/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muster::registry {

void service_view::on_reply(std::uint64_t id, reply r, time_point now, std::uint64_t random) {
    const auto node = outstanding_.extract(id);
    if (node.empty()) return;
    const outstanding& o = node.mapped();
    switch (o.kind) {
        case what::watch:
            watch_ = r.ec ? watch_state::none : watch_state::armed;
            if (r.ec == zk::server_errc::unimplemented) {
                recursive_ = false;
            } else if (r.ec) {
                fail(r.ec, now, random);
            }
            read_again(now, random);    // what was read before the watch stood may have changed since
            break;
        case what::list:
        case what::parent:
            if (r.ec && r.ec != zk::server_errc::no_node) {
                list_ = list_state::dirty;
                if (r.ec == zk::protocol_errc::frame_too_large) {    // all else goes on, as far as the watch tells of it
                    report(r.ec, now);
                    list_retry_at_ = now + list_retry_.next(random);
                } else {
                    fail(r.ec, now, random);
                }
                arrived(list_arrival_);
                break;
            }
            list_retry_at_.reset();
            list_retry_.reset();
            list_ = list_ == list_state::reading_again ? list_state::dirty : list_state::clean;
            if (chroot_ && (r.ec || (o.kind == what::parent && !r.stat))) root_ = root_state::owed;
            if (o.kind == what::list) {
                // Without the path there is no watch on its children: look for the path itself.
                if (r.ec && !recursive_) list_ = list_state::dirty;
                parent_watch_ = r.ec && !recursive_;
                listed(std::move(r));
            } else {
                parent_watch_ = false;
                if (r.stat) list_ = list_state::dirty;
            }
            if (listed()) arrived(list_arrival_);
            break;
        case what::root:
            root_read(r, now, random);
            break;
        case what::child:
        case what::size:
            child_read(o.child, std::move(r), now, random);
            break;
    }
    // Without a connection, or before the reading of everything that is due, no time is drawn: that reads these, too.
    const bool read_anyway = !connected_ || reread_at_;
    if (!forbidden_.empty() && !read_anyway && !forbidden_retry_at_) forbidden_retry_at_ = now + forbidden_retry_.next(random);
    settle();
}

void service_view::listed(reply r) {
    std::sort(r.names.begin(), r.names.end());
    for (const std::string& name : r.names) {
        if (!members_.contains(name) && !gone_since_list_.contains(name)) child_dirty(name, false);
    }
    for (auto it = members_.begin(); it != members_.end();) {
        const auto current = it++;
        const auto& [name, m] = *current;
        if (m.created_since_list || std::binary_search(r.names.begin(), r.names.end(), name)) continue;
        if (m.reading) continue;    // its own read will tell
        remove(std::string(name));
    }
}

void service_view::root_read(const reply& r, time_point now, std::uint64_t random) {
    root_ = r.ec ? root_state::owed : root_state::fine;
    if (!r.ec && r.stat) return;
    if (list_ == list_state::clean) list_ = list_state::dirty;    // looks again, in case somebody creates it
    fail(r.ec ? r.ec : error_code(registry_errc::no_chroot), now, random);
}

void service_view::child_read(const std::string& name, reply r, time_point now, std::uint64_t random) {
    member& m = members_[name];
    m.reading = false;
    const bool gone = r.ec == zk::server_errc::no_node || (!r.ec && !r.stat);
    if (std::exchange(m.again, false)) dirty_.insert(name);
    const bool too_large = r.ec == zk::protocol_errc::frame_too_large;
    const bool may_not = r.ec == zk::server_errc::no_auth;
    if (r.ec && !gone && !too_large && !may_not) {
        dirty_.insert(name);
        owed_.insert(name);
        fail(r.ec, now, random);
        return arrived(m.arrival);    // or else a child that cannot be read would keep others in the view that went
    }
    if (std::exchange(m.outdated, false)) return;
    m.gone = false;
    if (gone && !dirty_.contains(name)) return remove(name);
    if (gone) return;    // it was created again
    owed_.erase(name);
    if (!may_not) no_longer_forbidden(name, true);
    if (r.ec) {
        m.reason = fmt::format("data cannot be read ({}), expected {}", r.ec.message(),
                               too_large ? fmt::format("at most {} bytes", max_data_) : "a znode that this session may read");
        m.oversize = too_large;
        if (may_not) {
            forbidden_.insert(name);    // whoever may not look has not seen it go: what was known of it stands
        } else {
            m.good.reset();
            dirty_.insert(name);    // it may be smaller by now, and a read that failed has left no watch
        }
        show(name);
    } else {
        parsed(name, m, r);
    }
    arrived(m.arrival);
}

/// `read`: we may now, and it may be the same with the others. That one is gone tells nothing of them.
void service_view::no_longer_forbidden(const std::string& name, bool read) {
    if (forbidden_.erase(name) == 0 || !(read || forbidden_.empty())) return;
    forbidden_retry_at_.reset();
    forbidden_retry_.reset();
}

void service_view::parsed(const std::string& name, member& m, const reply& r) {
    const bool was_oversize = m.oversize;
    m.oversize = static_cast<std::size_t>(std::max(r.stat->data_length, 0)) > max_data_;
    // A batch of reads may bring what one alone could not: that is left out as well, and not shown at times.
    if (m.oversize && (was_oversize || max_data_ < layout_->max_data())) {
        if (was_oversize && !m.reason.empty()) return;    // rejected before, for the same reason
        m.good.reset();
        m.reason = fmt::format("data has {} bytes, expected at most {}", r.stat->data_length, max_data_);
        return show(name);
    }
    if (was_oversize) {
        dirty_.insert(name);
        return;
    }
    if (m.good && m.good->stat == *r.stat && m.reason.empty()) return;
    result<parsed_instance> p = layout_->parse(path_, name, r.data, *r.stat);
    m.good.reset();
    m.reason.clear();
    if (p)
        m.good = std::make_shared<const parsed_instance>(std::move(*p));
    else
        m.reason = p.error().message;
    show(name);
}

}    // namespace muster::registry
