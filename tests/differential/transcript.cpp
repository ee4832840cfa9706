// Part of muster. Boost Software License 1.0, see LICENSE.
#include "differential/transcript.hpp"

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "proto_zk/records_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace muster::test {

using namespace zk::proto;

std::string printable(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (c >= 0x20 && c < 0x7f && c != '"')
            out.push_back(c);
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string transcript::transaction(std::int64_t zxid) {
    if (zxid <= 0) return std::to_string(zxid);
    return fmt::format("t{}", transactions_.try_emplace(zxid, transactions_.size()).first->second);
}

std::string transcript::session(std::int64_t id) const {
    if (id == 0) return "0";
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? fmt::format("{:#x}", id) : it->second;
}

/// Appends what a record says.
struct transcript::printer {
    transcript& t;
    std::string out{};

    template <class Record>
    void body(reader& in) {
        Record r;
        r.read(in);
        print(r);
        if (!in.ok()) out += " UNREADABLE";
        if (!in.rest().empty() && in.ok()) out += " AND MORE";
    }

    void print(const zk::stat& s) {
        out += fmt::format(" stat(c={} m={} p={} version={} cversion={} aversion={} owner={} length={} children={})",
                           t.transaction(s.czxid), t.transaction(s.mzxid), t.transaction(s.pzxid), s.version, s.cversion,
                           s.aversion, t.session(s.ephemeral_owner), s.data_length, s.num_children);
    }
    void print(const std::optional<std::string>& data) { out += data ? " \"" + printable(*data) + '"' : " null"; }
    void print(std::vector<std::string> names) {
        std::sort(names.begin(), names.end());
        out += " [";
        for (const auto& n : names) out += " " + printable(n);
        out += " ]";
    }
    void print(const std::vector<zk::acl>& acls) {
        for (const auto& a : acls) out += fmt::format(" {}:{}:{}", a.scheme, a.id, a.permissions);
    }

    void print(const path_response& r) { out += " " + printable(r.path); }
    void print(const create_response& r) { out += " " + printable(r.path); }
    void print(const create2_response& r) {
        out += " " + printable(r.path);
        print(r.stat);
    }
    void print(const stat_response& r) { print(r.stat); }
    void print(const get_data_response& r) {
        print(r.data);
        print(r.stat);
    }
    void print(const get_children_response& r) { print(r.children); }
    void print(const get_children2_response& r) {
        print(r.children);
        print(r.stat);
    }
    void print(const total_number_response& r) { out += fmt::format(" {}", r.total_number); }
    void print(const get_ephemerals_response& r) { print(r.ephemerals); }
    void print(const get_acl_response& r) {
        print(r.acls);
        print(r.stat);
    }
    void print(const who_am_i_response& r) {
        std::vector<std::string> all;
        for (const auto& c : r.clients) all.push_back(c.auth_scheme + ":" + c.user);
        print(std::move(all));
    }
    void print(const error_response& r) { out += fmt::format(" err={}", r.err); }
    void print(const std::monostate&) {}
    void print(const multi_response& r) {
        for (const auto& one : r.results) {
            out += fmt::format(" ({}", to_wire(one.type));
            std::visit([this](const auto& v) { print(v); }, one.body);
            out += ")";
        }
    }

    void reply(opcode type, reader& in) {
        switch (type) {
            case opcode::create:
                return body<create_response>(in);
            case opcode::create2:
            case opcode::create_container:
            case opcode::create_ttl:
                return body<create2_response>(in);
            case opcode::exists:
            case opcode::set_data:
            case opcode::set_acl:
                return body<stat_response>(in);
            case opcode::get_data:
            case opcode::reconfig:
                return body<get_data_response>(in);
            case opcode::get_acl:
                return body<get_acl_response>(in);
            case opcode::get_children:
                return body<get_children_response>(in);
            case opcode::get_children2:
                return body<get_children2_response>(in);
            case opcode::sync:
                return body<path_response>(in);
            case opcode::multi:
            case opcode::multi_read:
                return body<multi_response>(in);
            case opcode::get_ephemerals:
                return body<get_ephemerals_response>(in);
            case opcode::get_all_children_number:
                return body<total_number_response>(in);
            case opcode::who_am_i:
                return body<who_am_i_response>(in);
            case opcode::add_watch:
                return body<error_response>(in);
            default:
                if (!in.rest().empty()) out += fmt::format(" \"{}\"", printable(in.rest()));
        }
    }
};

std::string transcript::frame(std::string_view content, opcode type) {
    reader in(content);
    reply_header header;
    header.read(in);
    if (!in.ok()) return "NO HEADER " + printable(content);
    printer p{*this};
    if (header.xid == xid_event) {
        watcher_event e;
        e.read(in);
        return fmt::format("event type={} state={} {} at {}", e.type, e.state, printable(e.path), transaction(header.zxid));
    }
    if (header.xid > 0 && header.zxid > last_zxid_) last_zxid_ = header.zxid;
    p.out = fmt::format("reply xid={} at {} err={}", header.xid, transaction(header.zxid), header.err);
    if (header.err == 0) p.reply(type, in);
    return std::move(p.out);
}

std::string transcript::handshake(std::string_view content) {
    connect_response r;
    reader in(content);
    r.read(in);
    return fmt::format("session timeout={} {} password of {} bytes read_only={}{}{}", r.timeout_ms,
                       r.session_id == 0 ? "none" : "some", r.password.size(), r.read_only, r.has_read_only ? "" : " (not said)",
                       in.ok() ? "" : " UNREADABLE");
}

}    // namespace muster::test
