// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that a server answers from its own tree, and those about watches.
#include "embedded/ensemble_impl.hpp"
#include "embedded/errors.hpp"
#include "embedded/server_impl.hpp"
#include "proto_zk/fields.hpp"
#include "proto_zk/records_multi.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace muster::embedded {
namespace {

using zk::permission;
using zk::proto::multi_header;
using zk::proto::opcode;
using zk::proto::watcher_type;
using zk::proto::wire_event;

constexpr std::int32_t may_read = static_cast<std::int32_t>(permission::read);
constexpr std::int32_t may_administer = static_cast<std::int32_t>(permission::admin);

void write_data(zk::proto::writer& w, const data_ptr& data) { data ? w.buffer(*data) : w.null_buffer(); }

// Calls `f` for each string of a vector.
template <class F>
void for_each_string(zk::proto::reader& r, F&& f) {
    constexpr std::size_t min_bytes = 4;
    for (std::size_t n = count_of(r, min_bytes); n > 0 && r.ok(); --n) {
        const std::string_view s = r.string();
        if (r.ok()) f(s);
    }
}

// String.trim.
std::string_view trimmed(std::string_view s) {
    const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    while (!s.empty() && blank(s.front())) s.remove_prefix(1);
    while (!s.empty() && blank(s.back())) s.remove_suffix(1);
    return s;
}

}    // namespace

std::int32_t server::impl::read(connection& c, std::int32_t type, std::string_view body) {
    zk::proto::reader r(body);
    const auto path_and_watch = [&](auto&& f) {
        const text path = r.buffer();
        const bool watch = r.boolean();
        return r.ok() ? f(path, watch) : err::marshalling_error;
    };
    const auto path_only = [&](auto&& f) {
        const text path = r.buffer();
        return r.ok() ? f(path) : err::marshalling_error;
    };
    switch (static_cast<opcode>(type)) {
        case opcode::get_data:
            return path_and_watch([&](const text& p, bool w) { return get_data(c, p, w); });
        case opcode::exists:
            return exists(c, r);
        case opcode::get_children:
            return path_and_watch([&](const text& p, bool w) { return get_children(c, p, w, false); });
        case opcode::get_children2:
            return path_and_watch([&](const text& p, bool w) { return get_children(c, p, w, true); });
        case opcode::get_acl:
            return path_only([&](const text& p) { return get_acl(c, p); });
        case opcode::get_all_children_number:
            return path_only([&](const text& p) { return count_children(c, p); });
        case opcode::get_ephemerals:
            return get_ephemerals(c, r);
        case opcode::multi_read:
            return multi_read(c, body);
        case opcode::add_watch:
            return add_watch(c, r);
        case opcode::check_watches:
            return check_watches(c, r, false);
        case opcode::remove_watches:
            return check_watches(c, r, true);
        case opcode::who_am_i:
            return who_am_i(c);
        case opcode::sync:
            return path_only([&](const text& p) {
                zk::proto::writer w(c.out);
                p ? w.string(*p) : w.null_string();
                return err::ok;
            });
        default:
            return err::unimplemented;
    }
}

std::int32_t server::impl::readable(const connection& c, const text& path, std::int32_t permissions, const znode*& found) const {
    if (!path) return err::marshalling_error;
    found = tree_.find(*path);
    if (found == nullptr) return err::no_node;
    return found->acls->permits(permissions, c.who) ? err::ok : err::no_auth;
}

std::int32_t server::impl::exists(connection& c, zk::proto::reader& r) {
    const text path = r.buffer();
    const bool watch = r.boolean();
    if (!r.ok() || !path) return err::marshalling_error;
    if (path->find('\0') != path->npos) return err::bad_arguments;
    if (watch) watches_.add_data(*path, c.id);    // also for one that does not exist
    const znode* n = tree_.find(*path);
    if (n == nullptr) return err::no_node;
    zk::proto::writer w(c.out);
    zk::proto::write(w, tree_.stat_of(*n));
    return err::ok;
}

std::int32_t server::impl::get_data(connection& c, const text& path, bool watch) {
    const znode* n = nullptr;
    if (const std::int32_t e = readable(c, path, may_read, n); e != err::ok) return e;
    if (watch) watches_.add_data(*path, c.id);
    zk::proto::writer w(c.out);
    write_data(w, n->data);
    zk::proto::write(w, tree_.stat_of(*n));
    return err::ok;
}

std::int32_t server::impl::get_children(connection& c, const text& path, bool watch, bool with_stat) {
    const znode* n = nullptr;
    if (const std::int32_t e = readable(c, path, may_read, n); e != err::ok) return e;
    if (watch) watches_.add_children(*path, c.id);
    zk::proto::writer w(c.out);
    w.count(n->children.size());
    for (const auto& name : n->children) w.string(name);
    if (with_stat) zk::proto::write(w, tree_.stat_of(*n));
    return err::ok;
}

std::int32_t server::impl::get_acl(connection& c, const text& path) {
    const znode* n = nullptr;
    if (const std::int32_t e = readable(c, path, may_read | may_administer, n); e != err::ok) return e;
    zk::proto::writer w(c.out);
    zk::proto::write(w, n->acls->permits(may_administer, c.who) ? n->acls->all() : masked(n->acls->all()));
    zk::proto::write(w, tree_.stat_of(*n));
    return err::ok;
}

std::int32_t server::impl::count_children(connection& c, const text& path) {
    const znode* n = nullptr;
    if (const std::int32_t e = readable(c, path, may_read, n); e != err::ok) return e;
    zk::proto::writer(c.out).i32(static_cast<std::int32_t>(tree_.count_below(*path)));
    return err::ok;
}

std::int32_t server::impl::get_ephemerals(connection& c, zk::proto::reader& r) {
    const std::string_view prefix = r.string();
    if (!r.ok()) return err::marshalling_error;
    const std::string_view blank = trimmed(prefix);
    auto paths = tree_.ephemerals_of(c.session);
    if (!blank.empty() && blank != "/") std::erase_if(paths, [&](const std::string& p) { return !p.starts_with(prefix); });
    zk::proto::writer w(c.out);
    zk::proto::write(w, paths);
    return err::ok;
}

std::int32_t server::impl::multi_read(connection& c, std::string_view body) {
    const multi_survey survey = survey_of(body);
    if (!survey.readable || survey.null_path || (!survey.reads && survey.operations > 0)) return err::marshalling_error;
    zk::proto::reader r(body);
    zk::proto::writer w(c.out);
    for (multi_arguments op; op.read(r);) {
        const std::size_t begun = c.out.size();
        multi_header{to_wire(op.type), false, err::ok}.write(w);
        const std::int32_t error =
            op.type == opcode::get_data ? get_data(c, op.change.path, false) : get_children(c, op.change.path, false, false);
        if (error != err::ok) {
            c.out.resize(begun);
            multi_header{to_wire(opcode::error), false, error}.write(w);
            w.i32(error);
        }
        if (c.out.size() > ensemble_.config.max_pending) return err::ok;    // too much: the connection will be closed for it
    }
    multi_header{}.write(w);
    return err::ok;
}

std::int32_t server::impl::set_watches(connection& c, std::string_view body, bool lasting) {
    const int lists = lasting ? 5 : 3;
    zk::proto::reader probe(body);
    probe.i64();
    for (int i = 0; i < lists; ++i) {
        zk::proto::reader ahead = probe;
        if (ahead.i32() == -1) return err::marshalling_error;    // over a vector that is null Apache's server stumbles
        for_each_string(probe, [](std::string_view) {});
    }
    if (!probe.ok()) return err::marshalling_error;    // before anything has an effect

    zk::proto::reader r(body);
    const zk::zxid since = r.i64();
    for_each_string(r, [&](std::string_view path) {
        const znode* n = tree_.find(path);
        if (n == nullptr)
            send_event(c, wire_event::deleted, path);
        else if (n->mzxid > since)
            send_event(c, wire_event::data_changed, path);
        else
            watches_.add_data(path, c.id);
        relieve(c);
    });
    for_each_string(r, [&](std::string_view path) {
        if (tree_.find(path) != nullptr)
            send_event(c, wire_event::created, path);
        else
            watches_.add_data(path, c.id);
        relieve(c);
    });
    for_each_string(r, [&](std::string_view path) {
        const znode* n = tree_.find(path);
        if (n == nullptr)
            send_event(c, wire_event::deleted, path);
        else if (n->pzxid > since)
            send_event(c, wire_event::children_changed, path);
        else
            watches_.add_children(path, c.id);
        relieve(c);
    });
    if (lasting) {
        // Nothing is told of what these missed.
        for_each_string(r, [&](std::string_view path) { watches_.add_lasting(path, c.id, watch_mode::persistent); });
        for_each_string(r, [&](std::string_view path) { watches_.add_lasting(path, c.id, watch_mode::recursive); });
    }
    return err::ok;
}

std::int32_t server::impl::add_watch(connection& c, zk::proto::reader& r) {
    const std::string_view path = r.string();
    const std::int32_t mode = r.i32();
    if (!r.ok() || mode < 0 || mode > 1) return err::marshalling_error;
    watches_.add_lasting(path, c.id, mode == 0 ? watch_mode::persistent : watch_mode::recursive);
    zk::proto::writer(c.out).i32(err::ok);
    return err::ok;
}

std::int32_t server::impl::check_watches(connection& c, zk::proto::reader& r, bool remove) {
    const std::string_view path = r.string();
    const std::int32_t type = r.i32();
    const bool known =
        type >= static_cast<std::int32_t>(watcher_type::children) && type <= static_cast<std::int32_t>(watcher_type::any);
    if (!r.ok() || !known) return err::marshalling_error;    // 4 and 5 came with 3.9
    const auto which = static_cast<watcher_type>(type);
    const std::optional<bool> found = remove ? watches_.remove(path, c.id, which) : watches_.any(path, which);
    if (!found) return err::marshalling_error;
    return *found ? err::ok : err::no_watcher;
}

std::int32_t server::impl::who_am_i(connection& c) {
    zk::proto::writer w(c.out);
    w.count(c.who.all().size());
    for (const auto& i : c.who.all()) {
        w.string(i.scheme);
        w.string(identities::user_of(i));
    }
    return err::ok;
}

}    // namespace muster::embedded
