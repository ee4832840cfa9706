// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/watches.hpp"

#include "proto_zk/path.hpp"

#include <algorithm>

namespace muster::embedded {

using zk::proto::watcher_type;
using zk::proto::wire_event;

void watch_table::add(std::string_view path, watcher w, watch_mode mode) {
    auto at = watchers_.find(path);
    if (at == watchers_.end()) at = watchers_.emplace(std::string(path), std::map<watcher, watch_mode>()).first;
    const auto [entry, added] = at->second.try_emplace(w, mode);
    if (added) {
        paths_[w].emplace(path);
        ++size_;
    } else if (entry->second == watch_mode::recursive) {
        --recursive_;
    }
    entry->second = mode;
    if (mode == watch_mode::recursive) ++recursive_;
}

bool watch_table::remove(std::string_view path, watcher w) {
    const auto at = watchers_.find(path);
    if (at == watchers_.end()) return false;
    const auto entry = at->second.find(w);
    if (entry == at->second.end()) return false;
    if (entry->second == watch_mode::recursive) --recursive_;
    drop_path_of(w, path);
    at->second.erase(entry);
    if (at->second.empty()) watchers_.erase(at);
    return true;
}

void watch_table::forget(watcher w) {
    const auto all = paths_.extract(w);
    if (all.empty()) return;
    for (const auto& path : all.mapped()) {
        const auto at = watchers_.find(path);
        const auto entry = at->second.find(w);
        if (entry->second == watch_mode::recursive) --recursive_;
        at->second.erase(entry);
        if (at->second.empty()) watchers_.erase(at);
    }
    size_ -= all.mapped().size();
}

std::optional<bool> watch_table::any(std::string_view path) const {
    const bool relative = !path.empty() && path.front() != '/';
    if (relative && path.find('/') == path.npos) return std::nullopt;
    if (!path.empty() && watchers_.contains(path)) return true;
    // With recursive watches about, those above would be looked at.
    if (relative && recursive_ > 0) return std::nullopt;
    return false;
}

const std::vector<watcher>& watch_table::fire(std::string_view path, wire_event event) {
    fired_.clear();
    if (const auto at = watchers_.find(path); at != watchers_.end()) {
        for (auto entry = at->second.begin(); entry != at->second.end();) {
            if (entry->second != watch_mode::recursive || event != wire_event::children_changed) fired_.push_back(entry->first);
            if (entry->second == watch_mode::once) {
                drop_path_of(entry->first, path);
                entry = at->second.erase(entry);
            } else {
                ++entry;
            }
        }
        if (at->second.empty()) watchers_.erase(at);
    }
    if (recursive_ > 0 && event != wire_event::children_changed) {
        const std::size_t own = fired_.size();
        for (auto above = zk::proto::parent_of(path); !above.empty(); above = zk::proto::parent_of(above)) {
            const auto at = watchers_.find(above);
            if (at == watchers_.end()) continue;
            for (const auto& [w, mode] : at->second)
                if (mode == watch_mode::recursive) fired_.push_back(w);
        }
        if (fired_.size() > own) {
            std::sort(fired_.begin(), fired_.end());
            fired_.erase(std::unique(fired_.begin(), fired_.end()), fired_.end());
        }
    }
    return fired_;
}

const std::set<std::string, std::less<>>& watch_table::paths_of(watcher w) const {
    static const std::set<std::string, std::less<>> none;
    const auto at = paths_.find(w);
    return at != paths_.end() ? at->second : none;
}

void watch_table::drop_path_of(watcher w, std::string_view path) {
    const auto at = paths_.find(w);
    if (const auto entry = at->second.find(path); entry != at->second.end()) at->second.erase(entry);
    if (at->second.empty()) paths_.erase(at);
    --size_;
}

void watches::add_lasting(std::string_view path, watcher w, watch_mode mode) {
    data_.add(path, w, mode);
    children_.add(path, w, mode);
}

std::optional<bool> watches::any(std::string_view path, watcher_type type) const {
    const auto children = type != watcher_type::data ? children_.any(path) : false;
    const auto data = type != watcher_type::children ? data_.any(path) : false;
    if (!children || !data) return std::nullopt;
    return *children || *data;
}

bool watches::remove(std::string_view path, watcher w, watcher_type type) {
    const bool children = type != watcher_type::data && children_.remove(path, w);
    const bool data = type != watcher_type::children && data_.remove(path, w);
    return children || data;
}

void watches::forget(watcher w) {
    data_.forget(w);
    children_.forget(w);
}

std::size_t watches::paths_of(watcher w) const {
    const auto& data = data_.paths_of(w);
    const auto& children = children_.paths_of(w);
    const auto more = std::count_if(children.begin(), children.end(), [&](const auto& path) { return !data.contains(path); });
    return data.size() + static_cast<std::size_t>(more);
}

void watches::created(std::string_view path, const acl_list& own, const acl_list& parents) {
    for (const watcher w : data_.fire(path, wire_event::created)) deliver_(w, wire_event::created, path, own);
    const auto parent = zk::proto::parent_of(path);
    for (const watcher w : children_.fire(parent, wire_event::children_changed))
        deliver_(w, wire_event::children_changed, parent, parents);
}

void watches::deleted(std::string_view path, const acl_list& own, const acl_list& parents) {
    const auto& told = data_.fire(path, wire_event::deleted);
    for (const watcher w : told) deliver_(w, wire_event::deleted, path, own);
    for (const watcher w : children_.fire(path, wire_event::deleted))
        if (!std::binary_search(told.begin(), told.end(), w)) deliver_(w, wire_event::deleted, path, own);
    const auto parent = zk::proto::parent_of(path);
    for (const watcher w : children_.fire(parent, wire_event::children_changed))
        deliver_(w, wire_event::children_changed, parent, parents);
}

void watches::data_changed(std::string_view path, const acl_list& own) {
    for (const watcher w : data_.fire(path, wire_event::data_changed)) deliver_(w, wire_event::data_changed, path, own);
}

}    // namespace muster::embedded
