// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests as the server reads them: views of the frame, which tell null from empty. Apache's server stumbles over a null path,
// and what the client sees of that is another error than that of an empty one.
#pragma once

#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::embedded {

using text = std::optional<std::string_view>;

struct acl_view {
    std::int32_t permissions = 0;
    text scheme;
    text id;
};

/// `r.count()` as Apache's server has it: what is below -1 is an empty vector.
inline std::size_t count_of(zk::proto::reader& r, std::size_t min_element_bytes) {
    zk::proto::reader behind = r;
    if (behind.i32() >= -1) return r.count(min_element_bytes);
    r = behind;
    return 0;
}

inline void read(zk::proto::reader& r, std::vector<acl_view>& acls) {
    constexpr std::size_t min_bytes = 12;
    const std::size_t n = count_of(r, min_bytes);
    acls.clear();
    acls.reserve(n);
    for (std::size_t i = 0; i < n && r.ok(); ++i) {
        acl_view& a = acls.emplace_back();
        a.permissions = r.i32();
        a.scheme = r.buffer();
        a.id = r.buffer();
    }
}

/// create, create2, createContainer, createTTL.
struct create_arguments {
    text path;
    text data;
    std::vector<acl_view> acls;
    std::string_view acl_bytes;    ///< `acls` as they came.
    std::int32_t flags = 0;
    std::int64_t ttl = -1;

    void read(zk::proto::reader& r, bool with_ttl) {
        path = r.buffer();
        data = r.buffer();
        acl_bytes = r.rest();
        embedded::read(r, acls);
        acl_bytes.remove_suffix(r.rest().size());
        flags = r.i32();
        ttl = with_ttl ? r.i64() : -1;
    }
};

/// delete, check; setData has data as well.
struct version_arguments {
    text path;
    text data;
    std::int32_t version = 0;

    void read(zk::proto::reader& r, bool with_data) {
        path = r.buffer();
        data = with_data ? r.buffer() : std::nullopt;
        version = r.i32();
    }
};

/// One operation of a multi or a multiRead.
struct multi_arguments {
    zk::proto::opcode type = zk::proto::opcode::error;
    create_arguments create;
    version_arguments change;    ///< delete, setData, check; of getData and getChildren the path.

    const text& path() const noexcept;
    bool reads() const noexcept { return type == zk::proto::opcode::get_data || type == zk::proto::opcode::get_children; }

    /// The next operation. False behind the last one, and at an error: see `r.ok()`.
    bool read(zk::proto::reader& r);
};

/// Whether a list of operations can be read, and how many they are.
struct multi_survey {
    std::size_t operations = 0;
    bool readable = true;      ///< Known types, not mixed, complete.
    bool reads = false;        ///< They are of multiRead's kind.
    bool null_path = false;    ///< One has no path.

    /// What stands behind the error where Apache's server stumbles over a path that is null: the end of the results.
    std::string body_of_error() const;
};

multi_survey survey_of(std::string_view body);

}    // namespace muster::embedded
