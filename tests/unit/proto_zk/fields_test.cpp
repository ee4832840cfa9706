// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/fields.hpp"

#include "record_check.hpp"
#include "samples.hpp"

using namespace muster::test;
using namespace muster::zk;

namespace {

template <class T>
struct just {
    T value{};

    void write(proto::writer& w) const { proto::write_fields(w, value); }
    void read(proto::reader& r) { proto::read_fields(r, value); }
    friend bool operator==(const just&, const just&) = default;
};

}    // namespace

TEST_CASE("fields") {
    check_record(just<bool>{true}, "01");
    check_record(just<std::int32_t>{-1}, "ffffffff");
    check_record(just<std::int64_t>{0x100000000}, "0000000100000000");
    check_record(just<std::string>{"/a"}, "00000002 2f61");
    check_record(just<stat>{sample_stat()}, SAMPLE_STAT);
    check_record(just<acl>{acl()}, WORLD_ANYONE_ALL);
    check_record(just<acl>{acl(1, "digest", "bob:x")}, "00000001 00000006'digest' 00000005'bob:x'");
}

TEST_CASE("a stat takes 68 bytes") { CHECK(encode(just<stat>{}) == std::string(68, '\0')); }

TEST_CASE("null is not empty") {
    using text = std::optional<std::string>;
    check_record(just<text>{std::nullopt}, "ffffffff");
    check_record(just<text>{""}, "00000000");
    check_record(just<text>{"x"}, "00000001'x'");

    just<text> used{"x"};
    CHECK(!decode(bytes("ffffffff"), used).failed());
    CHECK(!used.value.has_value());
}

TEST_CASE("vectors") {
    using strings = std::vector<std::string>;
    check_record(just<strings>{}, "00000000");
    check_record(just<strings>{{"/a", "", "b"}}, "00000003 00000002'/a' 00000000 00000001'b'");
    check_record(just<std::vector<acl>>{}, "00000000");
    check_record(just<std::vector<acl>>{{acl(), acl(1, "ip", "::")}},
                 "00000002" WORLD_ANYONE_ALL "00000001 00000002'ip' 00000002'::'");

    just<strings> used{{"old"}};
    CHECK(!decode(bytes("ffffffff"), used).failed());    // null vectors read as empty
    CHECK(used.value.empty());
}

TEST_CASE("counts beyond the bytes reserve nothing") {
    for (const char* count : {"7fffffff", "80000000", "fffffffe", "00000003"}) {
        INFO("count ", count);
        just<std::vector<std::string>> names;
        CHECK(decode(bytes(count) + std::string(8, '\0'), names) == protocol_errc::bad_length);
        CHECK(names.value.capacity() == 0);
        just<std::vector<acl>> acls;
        CHECK(decode(bytes(count) + std::string(32, '\0'), acls) == protocol_errc::bad_length);
        CHECK(acls.value.capacity() == 0);
    }
}

TEST_CASE("names need not be UTF-8") {
    // Java writes characters beyond U+FFFF as two surrogates of three bytes each.
    check_record(just<std::string>{"\xed\xa0\xbd\xed\xb8\x80"}, "00000006 eda0bdedb880");
}
