// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/jute.hpp"

#include "bytes.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace muster::zk;
using namespace muster::zk::proto;
using muster::test::bytes;
using muster::test::exact_copy;
using muster::test::hex;

namespace {

template <class Write>
std::string written(Write write) {
    std::string out = "#";    // writers append
    writer w(out);
    write(w);
    REQUIRE(out.front() == '#');
    return hex(out.substr(1));
}

}    // namespace

TEST_CASE("the writer appends big-endian values") {
    CHECK(written([](writer& w) { w.boolean(true); }) == "01");
    CHECK(written([](writer& w) { w.boolean(false); }) == "00");
    CHECK(written([](writer& w) { w.i32(0x01020304); }) == "01020304");
    CHECK(written([](writer& w) { w.i32(-2); }) == "fffffffe");
    CHECK(written([](writer& w) { w.i64(0x0102030405060708); }) == "0102030405060708");
    CHECK(written([](writer& w) { w.i64(std::numeric_limits<std::int64_t>::min()); }) == "8000000000000000");
    CHECK(written([](writer& w) { w.string("/a"); }) == "000000022f61");
    CHECK(written([](writer& w) { w.string(""); }) == "00000000");
    CHECK(written([](writer& w) { w.null_string(); }) == "ffffffff");
    CHECK(written([](writer& w) { w.buffer(std::string_view("\0\xff", 2)); }) == "0000000200ff");
    CHECK(written([](writer& w) { w.buffer(""); }) == "00000000");
    CHECK(written([](writer& w) { w.null_buffer(); }) == "ffffffff");
    CHECK(written([](writer& w) { w.count(3); }) == "00000003");
}

TEST_CASE("the reader takes one value after the other") {
    const std::string wire =
        bytes("01 02 00 fffffffe 8000000000000001 00000002'/a' ffffffff 00000001'x' ffffffff 00000000 00000002 0102");
    reader r(wire);
    CHECK(r.boolean());
    CHECK(r.boolean());    // Java: not 0 is true
    CHECK(!r.boolean());
    CHECK(r.i32() == -2);
    CHECK(r.i64() == std::numeric_limits<std::int64_t>::min() + 1);
    CHECK(r.string() == "/a");
    CHECK(r.string() == "");
    CHECK(r.buffer() == "x");
    CHECK(r.buffer() == std::nullopt);
    CHECK(r.buffer() == "");
    CHECK(r.count(1) == 2);
    CHECK(r.rest() == "\1\2");
    CHECK(r.ok());
    CHECK(!r.error().failed());
}

TEST_CASE("the reader gives views into the bytes") {
    const std::string wire = bytes("00000003'abc'");
    CHECK(reader(wire).string().data() == wire.data() + 4);
    CHECK(reader(wire).buffer()->data() == wire.data() + 4);
}

TEST_CASE("a value cut short is an error") {
    const auto cut = [](std::size_t size, auto get) {
        const exact_copy copy(std::string(size, '\1'));
        reader r(copy.view());
        get(r);
        return r.error();
    };
    CHECK(cut(0, [](reader& r) { CHECK(!r.boolean()); }) == protocol_errc::truncated);
    for (std::size_t size = 0; size < 4; ++size) {
        CHECK(cut(size, [](reader& r) { CHECK(r.i32() == 0); }) == protocol_errc::truncated);
        CHECK(cut(size, [](reader& r) { CHECK(r.string().empty()); }) == protocol_errc::truncated);
        CHECK(cut(size, [](reader& r) { CHECK(!r.buffer().has_value()); }) == protocol_errc::truncated);
        CHECK(cut(size, [](reader& r) { CHECK(r.count(1) == 0); }) == protocol_errc::truncated);
    }
    for (std::size_t size = 0; size < 8; ++size)
        CHECK(cut(size, [](reader& r) { CHECK(r.i64() == 0); }) == protocol_errc::truncated);
}

TEST_CASE("lengths are checked against what is there") {
    for (const char* length : {"00000004", "7fffffff", "80000000", "fffffffe"}) {
        INFO("length ", length);
        const exact_copy copy(bytes(length) + "abc");
        reader s(copy.view());
        CHECK(s.string().empty());
        CHECK(s.error() == protocol_errc::bad_length);
        reader b(copy.view());
        CHECK(b.buffer() == std::nullopt);
        CHECK(b.error() == protocol_errc::bad_length);
    }
}

TEST_CASE("counts are checked against the least that the elements take") {
    const auto count = [](std::string_view text, std::size_t min_element_bytes) {
        const std::string wire = bytes(text);
        reader r(wire);
        const auto n = r.count(min_element_bytes);
        return r.ok() ? static_cast<int>(n) : -1;
    };
    CHECK(count("ffffffff", 4) == 0);    // a null vector
    CHECK(count("00000000", 4) == 0);
    CHECK(count("00000002 00*8", 4) == 2);
    CHECK(count("00000003 00*8", 4) == -1);
    CHECK(count("00000002 00*7", 4) == -1);
    CHECK(count("7fffffff 00*8", 1) == -1);
    CHECK(count("fffffffe 00*8", 1) == -1);
    CHECK(count("80000000 00*8", 1) == -1);
}

TEST_CASE("the first error sticks and nothing is read behind it") {
    const std::string wire = bytes("fffffffe 01 00000005 00000001'x' 00000001 00*20");
    reader r(wire);
    r.string();
    CHECK(r.error() == protocol_errc::bad_length);
    CHECK(!r.boolean());
    CHECK(r.i32() == 0);
    CHECK(r.i64() == 0);
    CHECK(r.string() == "");
    CHECK(r.buffer() == std::nullopt);
    CHECK(r.count(1) == 0);
    CHECK(r.rest().empty());
    r.fail(protocol_errc::bad_multi);
    CHECK(r.error() == protocol_errc::bad_length);
}

TEST_CASE("callers can fail a reader") {
    const std::string wire = bytes("00000001");
    reader r(wire);
    r.fail(protocol_errc::bad_handshake);
    CHECK(!r.ok());
    CHECK(r.error() == protocol_errc::bad_handshake);
    CHECK(r.i32() == 0);
}
