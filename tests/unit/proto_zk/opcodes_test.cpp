// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/opcodes.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace muster::zk;
using namespace muster::zk::proto;

TEST_CASE("opcodes have the numbers of ZooDefs.OpCode") {
    CHECK(to_wire(opcode::notification) == 0);
    CHECK(to_wire(opcode::create) == 1);
    CHECK(to_wire(opcode::remove) == 2);
    CHECK(to_wire(opcode::exists) == 3);
    CHECK(to_wire(opcode::get_data) == 4);
    CHECK(to_wire(opcode::set_data) == 5);
    CHECK(to_wire(opcode::get_acl) == 6);
    CHECK(to_wire(opcode::set_acl) == 7);
    CHECK(to_wire(opcode::get_children) == 8);
    CHECK(to_wire(opcode::sync) == 9);
    CHECK(to_wire(opcode::ping) == 11);
    CHECK(to_wire(opcode::get_children2) == 12);
    CHECK(to_wire(opcode::check) == 13);
    CHECK(to_wire(opcode::multi) == 14);
    CHECK(to_wire(opcode::create2) == 15);
    CHECK(to_wire(opcode::reconfig) == 16);
    CHECK(to_wire(opcode::check_watches) == 17);
    CHECK(to_wire(opcode::remove_watches) == 18);
    CHECK(to_wire(opcode::create_container) == 19);
    CHECK(to_wire(opcode::delete_container) == 20);
    CHECK(to_wire(opcode::create_ttl) == 21);
    CHECK(to_wire(opcode::multi_read) == 22);
    CHECK(to_wire(opcode::auth) == 100);
    CHECK(to_wire(opcode::set_watches) == 101);
    CHECK(to_wire(opcode::sasl) == 102);
    CHECK(to_wire(opcode::get_ephemerals) == 103);
    CHECK(to_wire(opcode::get_all_children_number) == 104);
    CHECK(to_wire(opcode::set_watches2) == 105);
    CHECK(to_wire(opcode::add_watch) == 106);
    CHECK(to_wire(opcode::who_am_i) == 107);
    CHECK(to_wire(opcode::create_session) == -10);
    CHECK(to_wire(opcode::close_session) == -11);
    CHECK(to_wire(opcode::error) == -1);
}

TEST_CASE("only what happens to znodes is a public event") {
    CHECK(to_event_type(1) == event_type::created);
    CHECK(to_event_type(2) == event_type::deleted);
    CHECK(to_event_type(3) == event_type::data_changed);
    CHECK(to_event_type(4) == event_type::children_changed);
    for (const std::int32_t type :
         {-2, -1, 0, 5, 6, 7, 8, 100, std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min()}) {
        INFO("type ", type);
        CHECK(to_event_type(type) == std::nullopt);
    }
}
