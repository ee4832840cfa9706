// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/fields.hpp"

namespace muster::zk::proto {
namespace {

constexpr std::size_t min_string_bytes = 4;
constexpr std::size_t min_acl_bytes = 12;

template <class T>
void write_vector(writer& w, const std::vector<T>& v) {
    w.count(v.size());
    for (const auto& element : v) write(w, element);
}

template <class T>
void read_vector(reader& r, std::vector<T>& v, std::size_t min_element_bytes) {
    v.clear();
    const std::size_t n = r.count(min_element_bytes);
    v.reserve(n);
    for (std::size_t i = 0; i < n && r.ok(); ++i) read(r, v.emplace_back());
}

}    // namespace

// 68 bytes.
void write(writer& w, const stat& v) {
    write_fields(w, v.czxid, v.mzxid, v.ctime, v.mtime, v.version, v.cversion, v.aversion, v.ephemeral_owner, v.data_length,
                 v.num_children, v.pzxid);
}

void read(reader& r, stat& v) {
    read_fields(r, v.czxid, v.mzxid, v.ctime, v.mtime, v.version, v.cversion, v.aversion, v.ephemeral_owner, v.data_length,
                v.num_children, v.pzxid);
}

void write(writer& w, const acl& v) { write_fields(w, v.permissions, v.scheme, v.id); }
void read(reader& r, acl& v) { read_fields(r, v.permissions, v.scheme, v.id); }

void write(writer& w, const std::vector<std::string>& v) { write_vector(w, v); }
void read(reader& r, std::vector<std::string>& v) { read_vector(r, v, min_string_bytes); }

void write(writer& w, const std::vector<acl>& v) { write_vector(w, v); }
void read(reader& r, std::vector<acl>& v) { read_vector(r, v, min_acl_bytes); }

void read(reader& r, std::optional<std::string>& v) {
    if (const auto bytes = r.buffer())
        v.emplace(*bytes);
    else
        v.reset();
}

}    // namespace muster::zk::proto
