// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/proposals.hpp"

#include "embedded/errors.hpp"
#include "embedded/java_strings.hpp"
#include "proto_zk/fields.hpp"
#include "proto_zk/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace muster::embedded {
namespace {

using zk::create_mode;
using zk::permission;
using zk::proto::opcode;

constexpr std::int32_t bits(permission p) noexcept { return static_cast<std::int32_t>(p); }

// Versions wrap, as Java's do.
std::int32_t next(std::int32_t version) noexcept { return static_cast<std::int32_t>(static_cast<std::uint32_t>(version) + 1); }

bool matches(std::int32_t expected, std::int32_t version) noexcept { return expected == zk::any_version || expected == version; }

data_ptr data_of(const text& t) { return t ? std::make_shared<const std::string>(*t) : nullptr; }

// Where Apache's server looks for the parent; nothing for paths that cannot have one. That of "/" is "", the root.
text parent_of(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash == path.npos || path.find('\0') != path.npos) return std::nullopt;
    return path.substr(0, slash);
}

bool is_special(std::string_view path) {
    return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" || path == "/zookeeper/config";
}

}    // namespace

bool is_proposal(std::int32_t type) noexcept {
    switch (static_cast<opcode>(type)) {
        case opcode::create:
        case opcode::create2:
        case opcode::create_container:
        case opcode::create_ttl:
        case opcode::remove:
        case opcode::delete_container:
        case opcode::set_data:
        case opcode::set_acl:
        case opcode::check:
        case opcode::multi:
        case opcode::reconfig:
        case opcode::close_session:
            return true;
        default:
            return false;
    }
}

answer proposals::judge(opcode type, std::string_view body, const identities& who, transaction& t) {
    // Without "auth" they fit in the frame. Where frames are small, who has many identities can use them all the same.
    const std::size_t acl_room = std::max(settings_.max_frame, settings().max_frame);
    work w{who, t, acl_room};
    zk::proto::reader r(body);
    switch (type) {
        case opcode::create:
        case opcode::create2:
        case opcode::create_container:
        case opcode::create_ttl:
            return judge_create(type, body, w);
        case opcode::multi:
            return judge_multi(body, w);
        case opcode::reconfig:
            return {settings_.reconfig_enabled ? err::unimplemented : err::reconfig_disabled, {}};
        case opcode::delete_container:
            return {err::bad_arguments, {}};    // servers send it without a path that clients could give
        case opcode::close_session:
            close_session(t);
            return {};
        case opcode::remove: {
            version_arguments a;
            a.read(r, false);
            return {r.ok() ? remove(a, w) : err::marshalling_error, {}};
        }
        case opcode::check: {    // alone it makes no sense, but servers before 3.9.3 judge it (ZOOKEEPER-2623)
            version_arguments a;
            a.read(r, false);
            return {r.ok() ? check(a, w) : err::marshalling_error, {}};
        }
        case opcode::set_data: {
            version_arguments a;
            a.read(r, true);
            answer result{r.ok() ? set_data(a, w) : err::marshalling_error, {}};
            if (result.error == err::ok) append_stat(result.body, *a.path);
            return result;
        }
        case opcode::set_acl: {
            const text path = r.buffer();
            std::vector<acl_view> acls;
            embedded::read(r, acls);
            const std::int32_t version = r.i32();
            answer result{r.ok() ? set_acl(path, acls, version, w) : err::marshalling_error, {}};
            if (result.error == err::ok) append_stat(result.body, *path);
            return result;
        }
        default:
            return {err::unimplemented, {}};
    }
}

void proposals::close_session(transaction& t) {
    t.on_session = transaction::effect::session_closed;
    const identities nobody("");
    work w{nobody, t, 0};
    for (auto& path : tree_.ephemerals_of(t.session)) {
        change c;
        c.path = std::move(path);
        commit(std::move(c), w);
    }
    tree_.forget_session(t.session);
}

void proposals::delete_unused(const std::string& path, transaction& t) {
    const znode* n = tree_.find(path);
    if (n == nullptr || !n->children.empty() || tree_.kind_of(n->owner) == owner_kind::session) return;
    const identities nobody("");
    work w{nobody, t, 0};
    change c;
    c.path = path;
    commit(std::move(c), w);
}

answer proposals::judge_create(opcode type, std::string_view body, work& w) {
    zk::proto::reader r(body);
    create_arguments a;
    a.read(r, type == opcode::create_ttl);
    if (!r.ok()) return {err::marshalling_error, {}};

    std::string path;
    const creation what = type == opcode::create_container ? creation::container
                          : type == opcode::create_ttl     ? creation::ttl
                                                           : creation::plain;
    answer result{create(what, a, w, path), {}};
    if (result.error != err::ok) return result;
    zk::proto::writer(result.body).string(path);
    if (type != opcode::create) append_stat(result.body, path);
    return result;
}

std::int32_t proposals::create(creation what, const create_arguments& a, work& w, std::string& path) {
    if (a.flags < 0 || a.flags > static_cast<std::int32_t>(create_mode::persistent_sequential_with_ttl))
        return err::bad_arguments;
    const auto mode = static_cast<create_mode>(a.flags);
    const bool lives_for_a_time = mode == create_mode::persistent_with_ttl || mode == create_mode::persistent_sequential_with_ttl;
    const bool sequential = mode == create_mode::persistent_sequential || mode == create_mode::ephemeral_sequential ||
                            mode == create_mode::persistent_sequential_with_ttl;
    const bool ephemeral = mode == create_mode::ephemeral || mode == create_mode::ephemeral_sequential;

    if (lives_for_a_time && !settings_.extended_types) return err::unimplemented;
    if (lives_for_a_time ? a.ttl < 1 || a.ttl > max_ttl : a.ttl >= 0) return err::bad_arguments;
    // Apache's server 3.8 breaks down at a createTTL of another mode without a time to live.
    if (what == creation::ttl && !lives_for_a_time) return err::bad_arguments;
    if (!a.path) return err::marshalling_error;

    const text parent_path = parent_of(*a.path);
    if (!parent_path) return err::bad_arguments;
    acl_ptr acls;
    if (const std::int32_t e = list_of(a, w, acls); e != err::ok) return e;
    const znode* parent = tree_.find(*parent_path);
    if (parent == nullptr) return err::no_node;
    if (!parent->acls->permits(bits(permission::create), w.who)) return err::no_auth;

    path = *a.path;
    if (sequential) path += fmt::format("{:010d}", parent->creations);
    if (!is_znode_path(path)) return err::bad_arguments;
    if (tree_.find(path) != nullptr) return err::node_exists;
    if (tree_.kind_of(parent->owner) == owner_kind::session) return err::no_children_for_ephemerals;

    change c;
    c.what = change::kind::create;
    c.path = path;
    c.data = data_of(a.data);
    c.acls = std::move(acls);
    // The kind of request decides, not the flags: a plain create with the flag of containers makes a persistent znode.
    c.owner = what == creation::container ? container_owner
              : what == creation::ttl     ? ttl_owner(a.ttl)
              : ephemeral                 ? w.t.session
                                          : 0;
    c.version = next(parent->creations);
    commit(std::move(c), w);
    return err::ok;
}

std::int32_t proposals::list_of(const create_arguments& a, work& w, acl_ptr& list) {
    if (const auto known = w.lists.find(a.acl_bytes); known != w.lists.end()) {
        list = known->second;
        return err::ok;
    }
    std::vector<zk::acl> acls;
    if (const std::int32_t e = fix_up(a.acls, w.who, w.acl_room, acls); e != err::ok) return e;
    list = acls_.share(std::move(acls));
    if (w.undo != nullptr) w.lists.emplace(a.acl_bytes, list);
    return err::ok;
}

std::int32_t proposals::remove(const version_arguments& a, work& w) {
    if (!a.path) return err::marshalling_error;
    const text parent_path = parent_of(*a.path);
    if (!parent_path || is_special(*a.path)) return err::bad_arguments;
    const znode* parent = tree_.find(*parent_path);
    if (parent == nullptr) return err::no_node;
    if (!parent->acls->permits(bits(permission::remove), w.who)) return err::no_auth;
    const znode* n = tree_.find(*a.path);
    if (n == nullptr) return err::no_node;
    if (!matches(a.version, n->version)) return err::bad_version;
    if (!n->children.empty()) return err::not_empty;

    change c;
    c.path = *a.path;
    commit(std::move(c), w);
    return err::ok;
}

std::int32_t proposals::set_data(const version_arguments& a, work& w) {
    if (!a.path || !is_znode_path(*a.path)) return err::bad_arguments;
    const znode* n = tree_.find(*a.path);
    if (n == nullptr) return err::no_node;
    if (!n->acls->permits(bits(permission::write), w.who)) return err::no_auth;
    if (!matches(a.version, n->version)) return err::bad_version;

    change c;
    c.what = change::kind::set_data;
    c.path = *a.path;
    c.data = data_of(a.data);
    c.version = next(n->version);
    commit(std::move(c), w);
    return err::ok;
}

std::int32_t proposals::check(const version_arguments& a, const work& w) const {
    if (!a.path || !is_znode_path(*a.path)) return err::bad_arguments;
    const znode* n = tree_.find(*a.path);
    if (n == nullptr) return err::no_node;
    if (!n->acls->permits(bits(permission::read), w.who)) return err::no_auth;
    return matches(a.version, n->version) ? err::ok : err::bad_version;
}

std::int32_t proposals::set_acl(const text& path, const std::vector<acl_view>& asked, std::int32_t version, work& w) {
    if (!path || !is_znode_path(*path)) return err::bad_arguments;
    std::vector<zk::acl> acls;
    if (const std::int32_t e = fix_up(asked, w.who, w.acl_room, acls); e != err::ok) return e;
    const znode* n = tree_.find(*path);
    if (n == nullptr) return err::no_node;
    if (!n->acls->permits(bits(permission::admin), w.who)) return err::no_auth;
    if (!matches(version, n->aversion)) return err::bad_version;

    change c;
    c.what = change::kind::set_acl;
    c.path = *path;
    c.acls = acls_.share(std::move(acls));
    c.version = next(n->aversion);
    commit(std::move(c), w);
    return err::ok;
}

void proposals::commit(change c, work& w) {
    w.t.changes.push_back(std::move(c));
    tree::undo* const undo = w.undo != nullptr ? &w.undo->emplace_back() : nullptr;
    try {
        tree_.apply(w.t.changes.back(), w.t.zxid, w.t.time, undo);
    } catch (...) {
        if (undo != nullptr) w.undo->pop_back();    // says nothing that could be reverted
        throw;
    }
}

void proposals::append_stat(std::string& out, std::string_view path) const {
    zk::proto::writer w(out);
    zk::proto::write(w, tree_.stat_of(*tree_.find(path)));
}

}    // namespace muster::embedded
