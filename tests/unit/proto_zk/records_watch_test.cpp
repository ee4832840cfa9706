// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_watch.hpp"

#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "record_check.hpp"

using namespace muster::test;
using namespace muster::zk;
using namespace muster::zk::proto;

TEST_CASE("watches on the wire") {
    CHECK(hex(encode(request_header{6, to_wire(opcode::add_watch)}) + encode(add_watch_request{"/a", 1})) ==
          hex(bytes("00000006 0000006a 00000002 2f61 00000001")));
    CHECK(hex(encode(reply_header{xid_event, -1, 0}) + encode(watcher_event{3, 3, "/a"})) ==
          hex(bytes("ffffffff ffffffffffffffff 00000000 00000003 00000003 00000002 2f61")));
    CHECK(hex(encode(request_header{4, to_wire(opcode::set_watches)}) + encode(set_watches_request{0x10, {"/a"}, {}, {"/"}})) ==
          hex(bytes("00000004 00000065 0000000000000010 00000001 00000002 2f61 00000000 00000001 00000001 2f")));
}

TEST_CASE("watcher_event") {
    check_record(watcher_event{4, 3, "/a/b"}, "00000004 00000003 00000004'/a/b'");
    check_record(watcher_event{static_cast<std::int32_t>(wire_event::none), static_cast<std::int32_t>(keeper_state::expired), ""},
                 "ffffffff ffffff90 00000000");
    // Numbers of later versions.
    check_record(watcher_event{99, -77, "/"}, "00000063 ffffffb3 00000001'/'");
}

TEST_CASE("set_watches_request") {
    check_record(set_watches_request{0x10, {"/a"}, {"/b", "/c"}, {"/"}},
                 "0000000000000010 00000001 00000002'/a' 00000002 00000002'/b' 00000002'/c' 00000001 00000001'/'");
    check_record(set_watches_request{}, "0000000000000000 00000000 00000000 00000000");
}

TEST_CASE("set_watches2_request") {
    check_record(set_watches2_request{0x10, {"/a"}, {"/b"}, {"/c"}, {"/d"}, {"/e", "/f"}},
                 "0000000000000010 00000001 00000002'/a' 00000001 00000002'/b' 00000001 00000002'/c' 00000001 00000002'/d' "
                 "00000002 00000002'/e' 00000002'/f'");
    check_record(set_watches2_request{}, "0000000000000000 00000000 00000000 00000000 00000000 00000000");
}

TEST_CASE("adding and removing watches") {
    check_record(add_watch_request{"/a", static_cast<std::int32_t>(add_watch_mode::persistent)}, "00000002'/a' 00000000");
    check_record(add_watch_request{"/a", static_cast<std::int32_t>(add_watch_mode::persistent_recursive)},
                 "00000002'/a' 00000001");
    check_record(remove_watches_request{"/a", static_cast<std::int32_t>(watcher_type::any)}, "00000002'/a' 00000003");
    check_record(remove_watches_request{"/a", static_cast<std::int32_t>(watcher_type::persistent_recursive)},
                 "00000002'/a' 00000005");
}
