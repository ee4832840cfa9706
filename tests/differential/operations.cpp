// Part of muster. Boost Software License 1.0, see LICENSE.
#include "differential/operations.hpp"

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_watch.hpp"

#include "differential/transcript.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace muster::test {

using namespace zk::proto;

namespace {

template <class Record>
operation make(opcode type, const Record& record, std::string text) {
    std::string bytes;
    writer w(bytes);
    record.write(w);
    operation o;
    o.type = type;
    o.text = std::move(text);
    o.body = [bytes = std::move(bytes)](std::int64_t) { return bytes; };
    return o;
}

/// Watches set again by a session that has not seen its last `behind` transactions.
template <class Record>
operation rearm(opcode type, Record record, std::size_t behind, std::string text) {
    operation o;
    o.type = type;
    o.text = std::move(text);
    o.body = [record = std::move(record), behind = static_cast<std::int64_t>(behind)](std::int64_t seen) mutable {
        record.relative_zxid = seen - behind;
        std::string bytes;
        writer w(bytes);
        record.write(w);
        return bytes;
    };
    return o;
}

operation bare(opcode type, std::string text) {
    operation o;
    o.type = type;
    o.text = std::move(text);
    o.body = [](std::int64_t) { return std::string(); };
    return o;
}

operation about(opcode type, std::string path, const char* name) {
    path_request r;
    r.path = std::move(path);
    return make(type, r, fmt::format("{} {}", name, printable(r.path)));
}

operation look(opcode type, std::string path, bool watch, const char* name) {
    path_watch_request r;
    r.path = std::move(path);
    r.watch = watch;
    return make(type, r, fmt::format("{}{} {}", name, watch ? " and watch" : "", printable(r.path)));
}

std::string describe(const create_request& r) {
    std::string out =
        fmt::format("{} flags={} {}", printable(r.path), r.flags, r.data ? fmt::format("{} bytes", r.data->size()) : "null");
    for (const auto& a : r.acls) out += fmt::format(" {}:{}:{}", a.scheme, a.id, a.permissions);
    return out;
}

}    // namespace

operation operations::ping() {
    operation o = bare(opcode::ping, "ping");
    o.xid = xid_ping;
    return o;
}

operation operations::close() { return bare(opcode::close_session, "close"); }

operation operations::exists(std::string path) { return look(opcode::exists, std::move(path), false, "exists"); }

create_request operations::create(bool container) {
    create_request r;
    r.path = path();
    r.data = data();
    r.acls = acls();
    r.flags = container ? 4 : static_cast<std::int32_t>(below(4));
    if (one_in(60)) r.flags = std::array{-1, 4, 5, 6, 7, 100}[below(6)];
    return r;
}

create_ttl_request operations::create_with_ttl() {
    auto plain = create(false);
    create_ttl_request r;
    r.path = std::move(plain.path);
    r.data = std::move(plain.data);
    r.acls = std::move(plain.acls);
    r.flags = static_cast<std::int32_t>(5 + below(2));
    r.ttl = 100'000'000;
    return r;
}

template <class Record>
Record operations::versioned() {
    Record r;
    r.path = path();
    r.version = version();
    return r;
}

set_data_request operations::set() {
    set_data_request r;
    r.path = path();
    r.data = data();
    r.version = version();
    return r;
}

multi_operation operations::multi_part(bool reads) {
    multi_operation o;
    if (reads) {
        o.type = one_in(2) ? opcode::get_data : opcode::get_children;
        path_watch_request r;
        r.path = path();
        r.watch = false;
        o.body = r;
        return o;
    }
    switch (below(7)) {
        case 0:
        case 1:
            o.type = one_in(2) ? opcode::create : opcode::create2;
            o.body = create(false);
            break;
        case 2:
            o.type = opcode::remove;
            o.body = versioned<delete_request>();
            break;
        case 3:
            o.type = opcode::check;
            o.body = versioned<check_version_request>();
            break;
        case 4:
            o.type = opcode::create_container;
            o.body = create(true);
            break;
        case 5: {
            o.type = opcode::create_ttl;
            o.body = create_with_ttl();
            break;
        }
        default:
            o.type = opcode::set_data;
            o.body = set();
    }
    return o;
}

operation operations::read() {
    const bool watch = one_in(3);
    switch (below(8)) {
        case 0:
        case 1:
            return look(opcode::get_data, path(), watch, "get");
        case 2:
        case 3:
            return look(opcode::exists, path(), watch, "exists");
        case 4:
            return look(opcode::get_children, path(), watch, "children");
        case 5:
            return look(opcode::get_children2, path(), watch, "children2");
        case 6:
            return about(opcode::get_acl, path(), "get_acl");
        default: {
            multi_request r;
            for (auto n = below(4); n > 0; --n) r.operations.push_back(multi_part(true));
            std::string text = "multi_read";
            for (const auto& o : r.operations)
                text += fmt::format(" {} {}", to_wire(o.type), printable(std::get<path_watch_request>(o.body).path));
            return make(opcode::multi_read, r, std::move(text));
        }
    }
}

operation operations::write() {
    switch (below(11)) {
        case 0:
        case 1:
        case 2: {
            const auto r = create(false);
            return make(opcode::create, r, "create " + describe(r));
        }
        case 3: {
            const auto r = create(false);
            return make(opcode::create2, r, "create2 " + describe(r));
        }
        case 4: {
            if (one_in(2)) {
                const auto r = create(true);
                return make(opcode::create_container, r, "create_container " + describe(r));
            }
            auto r = create_with_ttl();
            if (one_in(10)) {
                odd_ = true;
                r.flags = create(false).flags;    // with a negative TTL that ends the process of Apache's server 3.8
            } else if (one_in(10)) {
                odd_ = true;
                r.ttl = std::array<std::int64_t, 4>{0, -1, std::int64_t{1} << 40, (std::int64_t{1} << 40) - 1}[below(4)];
            }
            return make(opcode::create_ttl, r, fmt::format("create_ttl {} ttl={}", printable(r.path), r.ttl));
        }
        case 5:
        case 6: {
            const auto r = versioned<delete_request>();
            return make(opcode::remove, r, fmt::format("delete {} version={}", printable(r.path), r.version));
        }
        case 7: {
            const auto r = set();
            return make(opcode::set_data, r,
                        fmt::format("set {} version={} {}", printable(r.path), r.version, r.data ? r.data->size() : 0));
        }
        case 8: {
            if (!one_in(3)) return about(opcode::sync, path(), "sync");
            set_acl_request r;
            r.path = path();
            r.acls = acls();
            r.version = version();
            std::string text = fmt::format("set_acl {} version={}", printable(r.path), r.version);
            for (const auto& a : r.acls) text += fmt::format(" {}:{}:{}", a.scheme, a.id, a.permissions);
            return make(opcode::set_acl, r, std::move(text));
        }
        default: {
            multi_request r;
            for (auto n = below(5); n > 0; --n) r.operations.push_back(multi_part(false));
            std::string text = "multi";
            for (const auto& o : r.operations) {
                text += fmt::format(" ({} ", to_wire(o.type));
                std::visit([&](const auto& v) { text += printable(v.path); }, o.body);
                text += ")";
            }
            return make(opcode::multi, r, std::move(text));
        }
    }
}

operation operations::watch() {
    switch (below(4)) {
        case 0: {
            add_watch_request r;
            r.path = path();
            r.mode = one_in(20) ? 2 : static_cast<std::int32_t>(below(2));
            return make(opcode::add_watch, r, fmt::format("add_watch {} mode={}", printable(r.path), r.mode));
        }
        case 1: {
            remove_watches_request r;
            r.path = path();
            r.type = static_cast<std::int32_t>(1 + below(3));
            const bool check = one_in(3);
            return make(check ? opcode::check_watches : opcode::remove_watches, r,
                        fmt::format("{} {} type={}", check ? "check_watches" : "remove_watches", printable(r.path), r.type));
        }
        case 2: {
            set_watches_request r;
            r.data = paths();
            r.exist = paths();
            r.child = paths();
            return rearm(opcode::set_watches, std::move(r), below(5), "set_watches");
        }
        default: {
            set_watches2_request r;
            r.data = paths();
            r.exist = paths();
            r.child = paths();
            r.persistent = paths();
            r.persistent_recursive = paths();
            return rearm(opcode::set_watches2, std::move(r), below(5), "set_watches2");
        }
    }
}

operation operations::other() {
    switch (below(7)) {
        case 0:
            return about(opcode::get_ephemerals, path(), "get_ephemerals");
        case 1:
            return about(opcode::get_all_children_number, path(), "get_all_children_number");
        case 2:
            return bare(opcode::who_am_i, "who_am_i");
        case 3: {
            auth_packet r;
            r.scheme = one_in(10) ? "ip" : one_in(20) ? "nobody's" : "digest";    // the last ends the connection
            r.auth = fmt::format("u{}:secret", below(2));
            operation o = make(opcode::auth, r, fmt::format("auth {} {}", r.scheme, *r.auth));
            o.xid = xid_auth;
            return o;
        }
        case 4:
            return ping();
        case 5: {
            if (!one_in(30)) return ping();
            reconfig_request r;
            r.joining = "server.9=127.0.0.1:1:2:participant;3";
            return make(opcode::reconfig, r, "reconfig");
        }
        default: {
            if (!one_in(30)) return about(opcode::sync, path(), "sync");
            if (one_in(2)) return bare(static_cast<opcode>(4'711), "an opcode that is none");
            check_version_request r;
            r.path = path();
            r.version = 1'000'000;    // where it holds, Apache's server 3.8 fails inside (ZOOKEEPER-2623)
            return make(opcode::check, r, fmt::format("check {} version={}", printable(r.path), r.version));
        }
    }
}

operation operations::next() {
    odd_ = false;
    operation o = any();
    o.alone = odd_ || o.type == opcode::auth || o.type == opcode::reconfig || o.type == opcode::check ||
              o.type == static_cast<opcode>(4'711);
    return o;
}

operation operations::any() {
    const auto n = below(100);
    if (n < 45) return write();
    if (n < 82) return read();
    if (n < 92) return watch();
    return other();
}

}    // namespace muster::test
