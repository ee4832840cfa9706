// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_admin.hpp"

#include "record_check.hpp"
#include "samples.hpp"

using namespace muster::test;
using namespace muster::zk;
using namespace muster::zk::proto;

TEST_CASE("access control lists") {
    check_record(get_acl_response{{acl()}, sample_stat()}, "00000001" WORLD_ANYONE_ALL SAMPLE_STAT);
    check_record(get_acl_response{{}, sample_stat()}, "00000000" SAMPLE_STAT);
    check_record(set_acl_request{"/a", {acl(), acl(1, "ip", "10.0.0.0/8")}, 2},
                 "00000002'/a' 00000002" WORLD_ANYONE_ALL "00000001 00000002'ip' 0000000a'10.0.0.0/8' 00000002");
}

TEST_CASE("authentication") {
    check_record(auth_packet{0, "digest", "bob:secret"}, "00000000 00000006'digest' 0000000a'bob:secret'");
    check_record(auth_packet{0, "ip", std::nullopt}, "00000000 00000002'ip' ffffffff");
    check_record(sasl_packet{""}, "00000000");    // first token of DIGEST-MD5
    check_record(sasl_packet{"rspauth=1"}, "00000009'rspauth=1'");
    check_record(sasl_packet{std::nullopt}, "ffffffff");
}

TEST_CASE("reconfig_request") {
    check_record(reconfig_request{"server.4=h", "1,2", std::nullopt, -1},
                 "0000000a'server.4=h' 00000003'1,2' ffffffff ffffffffffffffff");
    check_record(reconfig_request{std::nullopt, std::nullopt, "m", 0x100000000},
                 "ffffffff ffffffff 00000001'm' 0000000100000000");
}

TEST_CASE("who_am_i_response") {
    check_record(who_am_i_response{}, "00000000");
    check_record(who_am_i_response{{{"ip", "127.0.0.1"}, {"digest", "bob"}}},
                 "00000002 00000002'ip' 00000009'127.0.0.1' 00000006'digest' 00000003'bob'");
    for (const char* count : {"7fffffff", "fffffffe", "00000002"}) {
        who_am_i_response response;
        CHECK(decode(bytes(count) + std::string(15, '\0'), response) == protocol_errc::bad_length);
        CHECK(response.clients.capacity() == 0);
    }
}

TEST_CASE("error_response") {
    check_record(error_response{0}, "00000000");
    check_record(error_response{-101}, "ffffff9b");
    check_record(error_response{-31337}, "ffff8597");
}
