// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How each type of field is written and read. A record names its fields once for each direction, in the order of the wire.
#pragma once

#include "proto_zk/jute.hpp"

#include <muster/zk/types.hpp>

#include <optional>
#include <string>
#include <vector>

namespace muster::zk::proto {

inline void write(writer& w, bool v) { w.boolean(v); }
inline void write(writer& w, std::int32_t v) { w.i32(v); }
inline void write(writer& w, std::int64_t v) { w.i64(v); }
inline void write(writer& w, const std::string& v) { w.string(v); }
inline void write(writer& w, const std::optional<std::string>& v) { v ? w.buffer(*v) : w.null_buffer(); }
void write(writer& w, const stat& v);
void write(writer& w, const acl& v);
void write(writer& w, const std::vector<std::string>& v);
void write(writer& w, const std::vector<acl>& v);

inline void read(reader& r, bool& v) { v = r.boolean(); }
inline void read(reader& r, std::int32_t& v) { v = r.i32(); }
inline void read(reader& r, std::int64_t& v) { v = r.i64(); }
inline void read(reader& r, std::string& v) { v = r.string(); }
void read(reader& r, std::optional<std::string>& v);
void read(reader& r, stat& v);
void read(reader& r, acl& v);
void read(reader& r, std::vector<std::string>& v);
void read(reader& r, std::vector<acl>& v);

template <class... Fields>
void write_fields(writer& w, const Fields&... fields) {
    (write(w, fields), ...);
}

template <class... Fields>
void read_fields(reader& r, Fields&... fields) {
    (read(r, fields), ...);
}

}    // namespace muster::zk::proto
