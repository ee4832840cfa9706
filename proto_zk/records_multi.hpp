// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Several operations in one request:
//
//     request    { header{type, false, -1}  record }*   header{-1, true, -1}
//     response   { header{type, false, err} result }*   header{-1, true, -1}
//
// A multi either writes (all or nothing, one transaction) or reads (each for itself). In a failed write each result is an
// error: 0 before the operation that failed, its error, runtime_inconsistency behind it; the reply's header says 0.
#pragma once

#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_data.hpp"

#include <cstdint>
#include <variant>
#include <vector>

namespace muster::zk::proto {

struct multi_header {
    std::int32_t type = to_wire(opcode::error);
    bool done = true;
    std::int32_t err = -1;

    void write(writer& w) const { write_fields(w, type, done, err); }
    void read(reader& r) { read_fields(r, type, done, err); }
    friend bool operator==(const multi_header&, const multi_header&) = default;
};

enum class multi_kind {
    write,    ///< opcode::multi
    read,     ///< opcode::multi_read
};

/// One operation of a request. Each type goes with one record:
///
///     create, create2, create_container   create_request             check          check_version_request
///     create_ttl                          create_ttl_request         get_data       path_watch_request
///     remove                              delete_request             get_children   path_watch_request
///     set_data                            set_data_request
struct multi_operation {
    using record = std::variant<create_request, create_ttl_request, delete_request, set_data_request, check_version_request,
                                path_watch_request>;

    opcode type = opcode::create;
    record body;

    friend bool operator==(const multi_operation&, const multi_operation&) = default;
};

struct multi_request {
    std::vector<multi_operation> operations;

    /// Of a request without operations: write.
    multi_kind kind() const noexcept;

    void write(writer& w) const;
    /// Mixed kinds, other types than above and a missing terminator are protocol_errc::bad_multi or truncated.
    void read(reader& r);
    friend bool operator==(const multi_request&, const multi_request&) = default;
};

/// One result. Each type goes with one record:
///
///     create     create_response           remove, check   nothing
///     create2    create2_response          get_data        get_data_response
///     set_data   stat_response             get_children    get_children_response
///     error      error_response
///
/// createContainer and createTTL are answered as create2; Apache's server 3.8 answers create2 as create, without a stat.
struct multi_result {
    using record = std::variant<std::monostate, create_response, create2_response, stat_response, get_data_response,
                                get_children_response, error_response>;

    opcode type = opcode::check;
    record body;

    friend bool operator==(const multi_result&, const multi_result&) = default;
};

struct multi_response {
    std::vector<multi_result> results;

    void write(writer& w) const;
    /// Unknown types, errors on results that are none, and two different errors are protocol_errc::bad_multi.
    void read(reader& r);
    friend bool operator==(const multi_response&, const multi_response&) = default;
};

}    // namespace muster::zk::proto
