// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_multi.hpp"

#include "proto_zk/records_connect.hpp"
#include "record_check.hpp"
#include "samples.hpp"

using namespace muster::test;
using namespace muster::zk;
using namespace muster::zk::proto;

#define END " ffffffff 01 ffffffff"

TEST_CASE("a multi and its failed reply on the wire") {
    const multi_request request{{{opcode::check, check_version_request{"/a", 0}}, {opcode::remove, delete_request{"/a", -1}}}};
    CHECK(
        hex(encode(request_header{3, to_wire(opcode::multi)}) + encode(request)) ==
        hex(bytes("00000003 0000000e | 0000000d 00 ffffffff 00000002 2f61 00000000 | 00000002 00 ffffffff 00000002 2f61 ffffffff "
                  "| ffffffff 01 ffffffff")));
    const multi_response failed{{{opcode::error, error_response{-103}}, {opcode::error, error_response{-2}}}};
    CHECK(hex(encode(reply_header{3, 0x12, 0}) + encode(failed)) ==
          hex(bytes("00000003 0000000000000012 00000000 | ffffffff 00 ffffff99 ffffff99 | ffffffff 00 fffffffe fffffffe | "
                    "ffffffff 01 ffffffff")));
}

TEST_CASE("multi_header") {
    check_record(multi_header{}, "ffffffff 01 ffffffff");
    check_record(multi_header{5, false, 0}, "00000005 00 00000000");
}

TEST_CASE("multi_request") {
    check_record(multi_request{}, END);
    check_record(multi_request{{{opcode::create, create_request{"/a", "x", {acl()}, 1}},
                                {opcode::create2, create_request{"/b", std::nullopt, {}, 0}},
                                {opcode::create_container, create_request{"/c", "", {}, 4}},
                                {opcode::create_ttl, create_ttl_request{"/d", "", {}, 5, 9}},
                                {opcode::remove, delete_request{"/e", 1}},
                                {opcode::set_data, set_data_request{"/f", "y", 2}},
                                {opcode::check, check_version_request{"/g", 3}}}},
                 "00000001 00 ffffffff 00000002'/a' 00000001'x' 00000001" WORLD_ANYONE_ALL
                 "00000001"
                 "0000000f 00 ffffffff 00000002'/b' ffffffff 00000000 00000000"
                 "00000013 00 ffffffff 00000002'/c' 00000000 00000000 00000004"
                 "00000015 00 ffffffff 00000002'/d' 00000000 00000000 00000005 0000000000000009"
                 "00000002 00 ffffffff 00000002'/e' 00000001"
                 "00000005 00 ffffffff 00000002'/f' 00000001'y' 00000002"
                 "0000000d 00 ffffffff 00000002'/g' 00000003" END);
    check_record(multi_request{{{opcode::get_data, path_watch_request{"/a", false}},
                                {opcode::get_children, path_watch_request{"/b", false}}}},
                 "00000004 00 ffffffff 00000002'/a' 00 00000008 00 ffffffff 00000002'/b' 00" END);
}

TEST_CASE("the kind of a multi") {
    CHECK(multi_request{}.kind() == multi_kind::write);
    CHECK(multi_request{{{opcode::check, check_version_request{"/a", 0}}}}.kind() == multi_kind::write);
    CHECK(multi_request{{{opcode::get_data, path_watch_request{"/a", false}}}}.kind() == multi_kind::read);
    CHECK(multi_request{{{opcode::get_children, path_watch_request{"/a", false}}}}.kind() == multi_kind::read);
}

TEST_CASE("the errors in a request's headers do not matter") {
    multi_request request;
    CHECK(!decode(bytes("0000000d 00 00000000 00000002'/a' 00000003 ffffffff 01 00000000"), request).failed());
    CHECK((request == multi_request{{{opcode::check, check_version_request{"/a", 3}}}}));
}

TEST_CASE("multi requests that are refused") {
    const auto bad = [](std::string_view text) { check_refused<multi_request>(text, protocol_errc::bad_multi); };
    bad("0000000d 00 ffffffff 00000002'/a' 00000003 00000004 00 ffffffff 00000002'/a' 00" END);    // writes, then reads
    bad("00000004 00 ffffffff 00000002'/a' 00 0000000d 00 ffffffff 00000002'/a' 00000003" END);    // reads, then writes
    bad("00000003 00 ffffffff 00000002'/a' 00" END);                                               // exists
    bad("0000000e 00 ffffffff" END);                                                               // a multi in a multi
    bad("ffffffff 00 ffffffff" END);    // a terminator that does not terminate
    bad("00000001 01 ffffffff");        // an operation that does
    bad("7fffffff 00 ffffffff" END);
    check_refused<multi_request>("0000000d 00 ffffffff 00000002'/a' 00000003", protocol_errc::truncated);    // no terminator
}

TEST_CASE("multi_response") {
    check_record(multi_response{}, END);
    check_record(multi_response{{{opcode::create, create_response{"/a"}},
                                 {opcode::create2, create2_response{"/b", sample_stat()}},
                                 {opcode::remove, std::monostate()},
                                 {opcode::set_data, stat_response{sample_stat()}},
                                 {opcode::check, std::monostate()}}},
                 "00000001 00 00000000 00000002'/a'"
                 "0000000f 00 00000000 00000002'/b'" SAMPLE_STAT
                 "00000002 00 00000000"
                 "00000005 00 00000000" SAMPLE_STAT "0000000d 00 00000000" END);
    check_record(multi_response{{{opcode::get_data, get_data_response{std::nullopt, sample_stat()}},
                                 {opcode::error, error_response{-101}},
                                 {opcode::get_children, get_children_response{{"a"}}}}},
                 "00000004 00 00000000 ffffffff" SAMPLE_STAT
                 "ffffffff 00 ffffff9b ffffff9b"
                 "00000008 00 00000000 00000001 00000001'a'" END);
    check_record(
        multi_response{
            {{opcode::error, error_response{0}}, {opcode::error, error_response{-110}}, {opcode::error, error_response{-2}}}},
        "ffffffff 00 00000000 00000000 ffffffff 00 ffffff92 ffffff92 ffffffff 00 fffffffe fffffffe" END);
    check_record(multi_response{{{opcode::error, error_response{-4711}}}}, "ffffffff 00 ffffed99 ffffed99" END);
}

TEST_CASE("multi responses that are refused") {
    const auto bad = [](std::string_view text) { check_refused<multi_response>(text, protocol_errc::bad_multi); };
    bad("ffffffff 00 ffffff9b ffffff9a" END);                    // two errors
    bad("00000002 00 ffffff9b" END);                             // an error that is a success
    bad("00000003 00 00000000" SAMPLE_STAT END);                 // exists
    bad("00000013 00 00000000 00000002'/a'" SAMPLE_STAT END);    // containers answer as create2
    bad("00000002 01 00000000");                                 // a result that terminates
    bad("ffff0000 00 00000000" END);
    check_refused<multi_response>("00000002 00 00000000", protocol_errc::truncated);
}
