// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "allocations.hpp"
#include "bytes.hpp"
#include "proto_zk/jute.hpp"

#include <doctest/doctest.h>

#include <typeinfo>

namespace muster::test {

template <class Record>
std::string encode(const Record& record) {
    std::string out;
    zk::proto::writer w(out);
    record.write(w);
    return out;
}

/// Reads a record from memory that ends exactly where the bytes end.
template <class Record>
error_code decode(std::string_view bytes, Record& record) {
    const exact_copy copy(bytes);
    zk::proto::reader r(copy.view());
    record.read(r);
    if (!r.ok()) CHECK(r.rest().empty());
    return r.error();
}

template <class Record>
constexpr bool has_optional_flag = requires(const Record& r) {
    r.has_read_only;
};

/// Checks all that holds for every record: it is written as `golden` and read from it, also into an object that was used
/// before; what follows is left alone; each truncation is an error; and no length or count in it makes the reader allocate
/// more than a small multiple of the bytes.
template <class Record>
void check_record(const Record& record, std::string_view golden) {
    INFO("record ", typeid(Record).name());
    const std::string wire = bytes(golden);
    CHECK(hex(encode(record)) == hex(wire));

    Record back;
    CHECK(!decode(wire, back).failed());
    CHECK((back == record));
    CHECK(!decode(wire, back).failed());
    CHECK((back == record));

    bool open_ended = false;    // the flag of connect records may be missing, and then what follows is the flag
    std::size_t shortest = wire.size();
    if constexpr (has_optional_flag<Record>) {
        open_ended = !record.has_read_only;
        if (record.has_read_only) --shortest;
    }

    if (!open_ended) {
        const exact_copy longer(wire + "\x7fmore");
        zk::proto::reader r(longer.view());
        Record with_more;
        with_more.read(r);
        CHECK(r.ok());
        CHECK((with_more == record));
        CHECK(r.rest() == "\x7fmore");
    }

    for (std::size_t size = 0; size < shortest; ++size) {
        INFO("truncated to ", size, " bytes");
        Record cut;
        const auto ec = decode(std::string_view(wire).substr(0, size), cut);
        CHECK((ec == zk::protocol_errc::truncated || ec == zk::protocol_errc::bad_length));
    }

    for (std::size_t at = 0; at + 4 <= wire.size(); ++at) {
        for (const char* number : {"7fffffff", "fffffffe", "80000000", "40000000", "00ffffff", "ffffffff"}) {
            INFO(number, " at byte ", at);
            std::string hostile = wire;
            hostile.replace(at, 4, bytes(number));
            const exact_copy copy(hostile);
            zk::proto::reader r(copy.view());
            Record read;
            const largest_allocation largest;
            read.read(r);
            CHECK(largest.bytes() <= 1024 + 64 * wire.size());
        }
    }
}

/// Reads bytes that the protocol forbids.
template <class Record>
void check_refused(std::string_view text, zk::protocol_errc expected) {
    INFO("record ", typeid(Record).name(), " from ", text);
    Record record;
    CHECK(decode(bytes(text), record) == expected);
}

}    // namespace muster::test
