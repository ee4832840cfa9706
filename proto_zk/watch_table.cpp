// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/watch_table.hpp"

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace muster::zk::proto {
namespace {

constexpr std::size_t index(watch_kind k) { return static_cast<std::size_t>(k); }

}    // namespace

bool watch_table::empty(const entry& e) noexcept {
    return std::all_of(e.begin(), e.end(), [](const sinks& s) { return s.empty(); });
}

void watch_table::add(watch_kind kind, std::string_view path, sink_ptr sink) {
    auto it = paths_.find(path);
    if (it == paths_.end()) it = paths_.emplace(std::string(path), entry{}).first;
    it->second[index(kind)].push_back(std::move(sink));
    if (kind == watch_kind::recursive) ++recursive_;
}

bool watch_table::remove(watch_kind kind, std::string_view path, const watch_sink* sink) {
    const auto it = paths_.find(path);
    if (it == paths_.end()) return false;
    sinks& list = it->second[index(kind)];
    const auto found = std::find_if(list.begin(), list.end(), [sink](const sink_ptr& s) { return s.get() == sink; });
    if (found == list.end()) return false;
    list.erase(found);
    if (kind == watch_kind::recursive) --recursive_;
    const bool last = list.empty();
    if (last && empty(it->second)) paths_.erase(it);
    return last;
}

bool watch_table::watched(watch_kind kind, std::string_view path) const {
    const auto it = paths_.find(path);
    return it != paths_.end() && !it->second[index(kind)].empty();
}

bool watch_table::lasting() const noexcept {
    return recursive_ != 0 || std::any_of(paths_.begin(), paths_.end(), [](const auto& watched) {
               return !watched.second[index(watch_kind::persistent)].empty();
           });
}

void watch_table::take(entry& e, watch_kind kind, sinks& out) {
    sinks& list = e[index(kind)];
    out.insert(out.end(), std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
    list.clear();
}

void watch_table::collect_persistent(event_type type, std::string_view path, sinks& out) const {
    const auto append = [&out](const sinks& list) { out.insert(out.end(), list.begin(), list.end()); };
    if (const auto it = paths_.find(path); it != paths_.end()) append(it->second[index(watch_kind::persistent)]);
    // A child watch of the same session makes servers send children_changed also where only a recursive watch covers the
    // path; recursive watchers must not see it (PersistentRecursiveWatcherTest.testNoChildEvents).
    if (recursive_ == 0 || type == event_type::children_changed) return;
    for (std::string_view p = path;;) {
        if (const auto it = paths_.find(p); it != paths_.end()) append(it->second[index(watch_kind::recursive)]);
        if (p.size() <= 1) break;
        const auto slash = p.rfind('/');
        if (slash == std::string_view::npos) break;
        p = p.substr(0, std::max<std::size_t>(slash, 1));
    }
}

void watch_table::dispatch(std::int32_t wire_type, std::string_view path, zxid at) {
    const auto known = to_event_type(wire_type);
    if (!known) return;
    const event_type type = *known;
    sinks out;
    if (const auto it = paths_.find(path); it != paths_.end()) {
        entry& e = it->second;
        if (type != event_type::children_changed) {
            take(e, watch_kind::data, out);
            take(e, watch_kind::exist, out);
        }
        if (type == event_type::children_changed || type == event_type::deleted) take(e, watch_kind::child, out);
    }
    collect_persistent(type, path, out);
    if (const auto it = paths_.find(path); it != paths_.end() && empty(it->second)) paths_.erase(it);
    for (const auto& sink : out) sink->on_event(type, path, at);
}

std::vector<std::string> watch_table::rearm(zxid seen, std::size_t max_bytes, const unarmed_watches& unarmed) const {
    std::vector<std::string> requests;
    constexpr std::size_t overhead = 8 + 8 + 5 * 4;    // header, zxid, five counts
    struct batch {
        std::array<std::vector<std::string>, watch_kinds> lists;
        std::size_t bytes = overhead;
    };
    std::map<zxid, batch> batches;    // one for each zxid: mostly one

    const auto flush = [&](zxid since, batch& b) {
        if (b.bytes == overhead) return;
        auto& lists = b.lists;
        const bool persistent = !lists[index(watch_kind::persistent)].empty() || !lists[index(watch_kind::recursive)].empty();
        std::string& out = requests.emplace_back();
        writer w(out);
        request_header{0, to_wire(persistent ? opcode::set_watches2 : opcode::set_watches)}.write(w);
        if (persistent) {
            set_watches2_request r;
            r.relative_zxid = since;
            r.data = std::move(lists[0]);
            r.exist = std::move(lists[1]);
            r.child = std::move(lists[2]);
            r.persistent = std::move(lists[3]);
            r.persistent_recursive = std::move(lists[4]);
            r.write(w);
        } else {
            set_watches_request r;
            r.relative_zxid = since;
            r.data = std::move(lists[0]);
            r.exist = std::move(lists[1]);
            r.child = std::move(lists[2]);
            r.write(w);
        }
        for (auto& list : lists) list.clear();
        b.bytes = overhead;
    };
    const auto flush_all = [&] {
        for (auto& [since, b] : batches) flush(since, b);
    };

    const auto since_of = [&](std::size_t kind, const std::string& path) {
        if (unarmed.empty()) return seen;
        const auto k = static_cast<watch_kind>(kind);
        const auto oldest = unarmed.lower_bound({path, k, std::numeric_limits<zxid>::min()});
        const bool found = oldest != unarmed.end() && std::get<0>(*oldest) == path && std::get<1>(*oldest) == k;
        return found ? std::min(std::get<2>(*oldest), seen) : seen;
    };
    const auto put = [&](std::size_t kind, const std::string& path) {
        const zxid since = since_of(kind, path);
        batch& b = batches[since];
        if (b.bytes != overhead && b.bytes + 4 + path.size() > max_bytes) flush(since, b);
        b.lists[kind].push_back(path);
        b.bytes += 4 + path.size();
    };
    const auto replaced = [](std::size_t kind, const entry& e) {
        return kind == index(watch_kind::child) && !e[index(watch_kind::recursive)].empty();
    };
    const auto is_mixed = [](const auto& p) {
        const entry& e = p.second;
        const auto has = [&e](watch_kind k) { return !e[index(k)].empty(); };
        const bool lasting = has(watch_kind::persistent) || has(watch_kind::recursive);
        return lasting &&
               (has(watch_kind::data) || has(watch_kind::exist) || (has(watch_kind::child) && !has(watch_kind::recursive)));
    };
    for (std::size_t kind = 0; kind != watch_kinds; ++kind) {
        // A batch of another zxid must not bring a one-shot watch behind a lasting one of its path, which it would replace.
        if (kind == index(watch_kind::persistent) && !unarmed.empty() && std::any_of(paths_.begin(), paths_.end(), is_mixed))
            flush_all();
        for (const auto& [path, e] : paths_) {
            if (!e[kind].empty() && !replaced(kind, e)) put(kind, path);
        }
    }
    flush_all();
    if (recursive_ == 0) return requests;
    for (const auto& [path, e] : paths_) {
        if (!e[index(watch_kind::child)].empty() && replaced(index(watch_kind::child), e)) put(index(watch_kind::child), path);
    }
    flush_all();
    return requests;
}

void watch_table::resync() {
    for (const auto& [path, e] : paths_) {
        for (const auto kind : {watch_kind::persistent, watch_kind::recursive}) {
            for (const auto& sink : e[index(kind)]) sink->on_event(event_type::resync, path, -1);
        }
    }
}

void watch_table::end(std::string_view path, const error_code& ec) {
    const auto it = paths_.find(path);
    if (it == paths_.end()) return;
    const entry ended = std::move(it->second);
    paths_.erase(it);
    recursive_ -= ended[index(watch_kind::recursive)].size();
    for (const auto& list : ended) {
        for (const auto& sink : list) sink->on_end(ec);
    }
}

void watch_table::end(const error_code& ec) {
    map all;
    all.swap(paths_);
    recursive_ = 0;
    for (const auto& [path, e] : all) {
        for (const auto& list : e) {
            for (const auto& sink : list) sink->on_end(ec);
        }
    }
}

}    // namespace muster::zk::proto
