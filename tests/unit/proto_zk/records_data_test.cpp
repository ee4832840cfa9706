// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_data.hpp"

#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "record_check.hpp"
#include "samples.hpp"

using namespace muster::test;
using namespace muster::zk;
using namespace muster::zk::proto;

TEST_CASE("requests as ZooKeeper's other clients send them") {
    const create_request create{"/a", "x", {acl()}, static_cast<std::int32_t>(create_mode::ephemeral)};
    CHECK(hex(encode(request_header{1, to_wire(opcode::create)}) + encode(create)) ==
          hex(bytes("00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 "
                    "00000001")));
    CHECK(hex(encode(request_header{2, to_wire(opcode::get_data)}) + encode(path_watch_request{"/a", true})) ==
          hex(bytes("00000002 00000004 00000002 2f61 01")));
}

TEST_CASE("requests that name a path") {
    check_record(path_request{"/a/b"}, "00000004'/a/b'");
    check_record(path_watch_request{"/a", true}, "00000002'/a' 01");
    check_record(path_watch_request{"/", false}, "00000001'/' 00");
    check_record(delete_request{"/a", -1}, "00000002'/a' ffffffff");
    check_record(check_version_request{"/a", 7}, "00000002'/a' 00000007");
}

TEST_CASE("create") {
    check_record(create_request{"/a", "x", {acl()}, 1}, "00000002'/a' 00000001'x' 00000001" WORLD_ANYONE_ALL "00000001");
    check_record(create_request{"/a", "", {acl(1, "auth", ""), acl()}, 3},
                 "00000002'/a' 00000000 00000002 00000001 00000004'auth' 00000000" WORLD_ANYONE_ALL "00000003");
    check_record(create_request{"/a", std::nullopt, {}, 0}, "00000002'/a' ffffffff 00000000 00000000");
    check_record(create_ttl_request{"/a", "x", {acl()}, 5, 0xffffffffff},
                 "00000002'/a' 00000001'x' 00000001" WORLD_ANYONE_ALL "00000005 000000ffffffffff");
    check_record(create_response{"/a0000000001"}, "0000000c'/a0000000001'");
    check_record(create2_response{"/a", sample_stat()}, "00000002'/a'" SAMPLE_STAT);
}

TEST_CASE("set_data_request") {
    check_record(set_data_request{"/a", "x", 2}, "00000002'/a' 00000001'x' 00000002");
    check_record(set_data_request{"/a", "", -1}, "00000002'/a' 00000000 ffffffff");
    check_record(set_data_request{"/a", std::nullopt, -1}, "00000002'/a' ffffffff ffffffff");
}

TEST_CASE("replies") {
    check_record(path_response{"/a"}, "00000002'/a'");
    check_record(stat_response{sample_stat()}, SAMPLE_STAT);
    check_record(get_data_response{"x", sample_stat()}, "00000001'x'" SAMPLE_STAT);
    check_record(get_data_response{"", sample_stat()}, "00000000" SAMPLE_STAT);
    check_record(get_data_response{std::nullopt, sample_stat()}, "ffffffff" SAMPLE_STAT);
    check_record(get_children_response{{"a", "b"}}, "00000002 00000001'a' 00000001'b'");
    check_record(get_children_response{}, "00000000");
    check_record(get_children2_response{{"a", "b"}, sample_stat()}, "00000002 00000001'a' 00000001'b'" SAMPLE_STAT);
    check_record(total_number_response{258}, "00000102");
    check_record(get_ephemerals_response{{"/a", "/b/c"}}, "00000002 00000002'/a' 00000004'/b/c'");
}

TEST_CASE("binary data is kept as it is") {
    check_record(get_data_response{std::string("\0\xff\n", 3), sample_stat()}, "00000003 00ff0a" SAMPLE_STAT);
}

TEST_CASE("children that cannot be there are refused before memory is reserved") {
    for (const char* count : {"7fffffff", "fffffffe", "00000003"}) {
        get_children_response response;
        CHECK(decode(bytes(count) + bytes("00000001'a' 000000"), response) == protocol_errc::bad_length);
        CHECK(response.children.capacity() == 0);
    }
    check_refused<get_data_response>("7fffffff" SAMPLE_STAT, protocol_errc::bad_length);
    check_refused<get_children_response>("00000002 00000001'a' 00000004'abc'", protocol_errc::bad_length);
}
