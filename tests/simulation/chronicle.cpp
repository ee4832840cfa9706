// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/chronicle.hpp"

#include "proto_zk/path.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muster::sim {

bool is_below(std::string_view path, std::string_view root) noexcept {
    return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

void chronicle::record(const embedded::transaction& t) {
    for (const auto& c : t.changes) {
        switch (c.what) {
            case embedded::change::kind::create:
                entries_.push_back({t.zxid, zk::event_type::created, c.path});
                break;
            case embedded::change::kind::erase:
                entries_.push_back({t.zxid, zk::event_type::deleted, c.path});
                break;
            case embedded::change::kind::set_data:
                entries_.push_back({t.zxid, zk::event_type::data_changed, c.path});
                continue;
            case embedded::change::kind::set_acl:
                continue;
        }
        entries_.push_back({t.zxid, zk::event_type::children_changed, std::string(zk::proto::parent_of(c.path))});
    }
}

std::size_t chronicle::next(std::size_t from, std::string_view path, zk::add_watch_mode mode) const {
    const bool recursive = mode == zk::add_watch_mode::persistent_recursive;
    for (; from != entries_.size(); ++from) {
        const entry& e = entries_[from];
        if (recursive && e.type == zk::event_type::children_changed) continue;
        if (e.path == path || (recursive && is_below(e.path, path))) break;
    }
    return from;
}

std::size_t chronicle::after(zk::zxid at) const {
    const auto it = std::upper_bound(entries_.begin(), entries_.end(), at, [](zk::zxid z, const entry& e) { return z < e.at; });
    return static_cast<std::size_t>(it - entries_.begin());
}

std::size_t chronicle::count(std::size_t from, std::string_view root, zk::event_type type) const {
    return static_cast<std::size_t>(
        std::count_if(entries_.begin() + static_cast<std::ptrdiff_t>(from), entries_.end(),
                      [&](const entry& e) { return e.type == type && (e.path == root || is_below(e.path, root)); }));
}

bool chronicle::has(std::size_t from, std::string_view path, std::initializer_list<zk::event_type> types) const {
    return std::any_of(entries_.begin() + static_cast<std::ptrdiff_t>(from), entries_.end(), [&](const entry& e) {
        return e.path == path && std::find(types.begin(), types.end(), e.type) != types.end();
    });
}

void witness::armed(zk::zxid known) {
    earliest_ = std::max(settled_, chronicle_->after(known));
    surely_.reset();
    places_.clear();
    told_ = false;
}

void witness::skipped() {
    if (told_) earliest_ = *places_.begin();
    surely_.reset();
    places_.clear();
    told_ = false;
}

void witness::read() { surely_ = surely_.value_or(chronicle_->size()); }

std::string witness::hear(const zk::watch_event& e) {
    std::set<std::size_t> after;
    const auto take = [&](std::size_t i) {
        if (i == chronicle_->size()) return;
        const auto& happened = (*chronicle_)[i];
        if (happened.type == e.type && happened.path == e.path) after.insert(i + 1);
    };
    if (told_) {
        for (const std::size_t p : places_) take(next(p));
    } else {
        const std::size_t last = surely_ ? next(*surely_) : chronicle_->size();
        for (std::size_t i = next(earliest_); i != chronicle_->size() && i <= last; i = next(i + 1)) take(i);
    }
    if (after.empty()) {
        const std::size_t expected = told_ ? next(*places_.begin()) : surely_ ? next(*surely_) : chronicle_->size();
        return fmt::format("{} {} was told, and {}", e.path, zk::to_string(e.type),
                           expected == chronicle_->size() ? "nothing has happened"
                                                          : fmt::format("it is the turn of {} {}", (*chronicle_)[expected].path,
                                                                        zk::to_string((*chronicle_)[expected].type)));
    }
    places_ = std::move(after);
    told_ = true;
    return {};
}

void witness::caught_up() {
    settled_ = chronicle_->size();
    places_ = {settled_};
    told_ = true;
}

std::string witness::missing() const {
    std::size_t due = chronicle_->size();
    if (told_) {
        for (const std::size_t p : places_) {
            if (due = next(p); due == chronicle_->size()) return {};
        }
    } else if (surely_) {
        due = next(*surely_);
    }
    if (due == chronicle_->size()) return {};
    return fmt::format("{} {} of {:x} was not told", (*chronicle_)[due].path, zk::to_string((*chronicle_)[due].type),
                       (*chronicle_)[due].at);
}

}    // namespace muster::sim
