// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_multi.hpp"

#include <boost/assert.hpp>

namespace muster::zk::proto {
namespace {

constexpr multi_kind kind_of(opcode type) noexcept {
    return type == opcode::get_data || type == opcode::get_children ? multi_kind::read : multi_kind::write;
}

// The empty record that an operation of this type has; none if a multi cannot contain it.
bool prepare_record(opcode type, multi_operation::record& body) {
    switch (type) {
        case opcode::create:
        case opcode::create2:
        case opcode::create_container:
            body.emplace<create_request>();
            return true;
        case opcode::create_ttl:
            body.emplace<create_ttl_request>();
            return true;
        case opcode::remove:
            body.emplace<delete_request>();
            return true;
        case opcode::set_data:
            body.emplace<set_data_request>();
            return true;
        case opcode::check:
            body.emplace<check_version_request>();
            return true;
        case opcode::get_data:
        case opcode::get_children:
            body.emplace<path_watch_request>();
            return true;
        default:
            return false;
    }
}

bool prepare_record(opcode type, multi_result::record& body) {
    switch (type) {
        case opcode::create:
            body.emplace<create_response>();
            return true;
        case opcode::create2:
            body.emplace<create2_response>();
            return true;
        case opcode::set_data:
            body.emplace<stat_response>();
            return true;
        case opcode::remove:
        case opcode::check:
            body.emplace<std::monostate>();
            return true;
        case opcode::get_data:
            body.emplace<get_data_response>();
            return true;
        case opcode::get_children:
            body.emplace<get_children_response>();
            return true;
        case opcode::error:
            body.emplace<error_response>();
            return true;
        default:
            return false;
    }
}

template <class Record>
[[maybe_unused]] bool fits(opcode type, const Record& body) {
    Record expected;
    return prepare_record(type, expected) && expected.index() == body.index();
}

// Reads the next element's header. False at the end: at the terminator, or at an error.
bool next_header(reader& r, multi_header& h) {
    h.read(r);
    if (!r.ok()) return false;
    if (h.done && h.type != to_wire(opcode::error)) r.fail(protocol_errc::bad_multi);
    return !h.done;
}

struct write_record {
    writer& w;

    void operator()(std::monostate) const {}
    template <class Record>
    void operator()(const Record& record) const {
        record.write(w);
    }
};

struct read_record {
    reader& r;

    void operator()(std::monostate) const {}
    template <class Record>
    void operator()(Record& record) const {
        record.read(r);
    }
};

}    // namespace

multi_kind multi_request::kind() const noexcept {
    return operations.empty() ? multi_kind::write : kind_of(operations.front().type);
}

void multi_request::write(writer& w) const {
    for (const auto& op : operations) {
        BOOST_ASSERT(fits(op.type, op.body) && kind_of(op.type) == kind());
        multi_header{to_wire(op.type), false, -1}.write(w);
        std::visit(write_record{w}, op.body);
    }
    multi_header{}.write(w);
}

void multi_request::read(reader& r) {
    operations.clear();
    for (multi_header h; next_header(r, h);) {
        const auto type = static_cast<opcode>(h.type);
        auto& op = operations.emplace_back();
        op.type = type;
        if (!prepare_record(type, op.body) || kind_of(type) != kind()) return r.fail(protocol_errc::bad_multi);
        std::visit(read_record{r}, op.body);
    }
}

void multi_response::write(writer& w) const {
    for (const auto& result : results) {
        BOOST_ASSERT(fits(result.type, result.body));
        const auto* error = std::get_if<error_response>(&result.body);
        multi_header{to_wire(result.type), false, error != nullptr ? error->err : 0}.write(w);
        std::visit(write_record{w}, result.body);
    }
    multi_header{}.write(w);
}

void multi_response::read(reader& r) {
    results.clear();
    for (multi_header h; next_header(r, h);) {
        auto& result = results.emplace_back();
        result.type = static_cast<opcode>(h.type);
        if (!prepare_record(result.type, result.body)) return r.fail(protocol_errc::bad_multi);
        std::visit(read_record{r}, result.body);
        const auto* error = std::get_if<error_response>(&result.body);
        if (r.ok() && h.err != (error != nullptr ? error->err : 0)) return r.fail(protocol_errc::bad_multi);
    }
}

}    // namespace muster::zk::proto
