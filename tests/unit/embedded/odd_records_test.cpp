// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Records that no client sends, answered as Apache's server answers them.
#include "unit/embedded/fixture.hpp"

#include "proto_zk/records_multi.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

using namespace muster::test;
using muster::zk::proto::multi_header;
using muster::zk::proto::opcode;
using muster::zk::proto::writer;

namespace {

/// A body, written by hand.
struct by_hand {
    std::function<void(writer&)> what;
    void write(writer& w) const { what(w); }
};

std::string end_of_results() {
    std::string s;
    writer w(s);
    multi_header{}.write(w);
    return s;
}

}    // namespace

TEST_CASE("a vector of watches with a count below -1 is empty, and one that is null an error") {
    world w;
    auto c = w.connect();
    for (const auto& [op, lists] : {std::pair(opcode::set_watches, 3), std::pair(opcode::set_watches2, 5)}) {
        for (const std::int32_t count : {-1, -2, -2'147'483'647 - 1, 0}) {
            CAPTURE(count);
            const by_hand body{[&, n = lists](writer& out) {
                out.i64(0);
                for (int i = 0; i < n; ++i) out.i32(count);
            }};
            CHECK(w.call(*c, op, body).err == (count == -1 ? marshalling : 0));
        }
    }
    CHECK(w.e.at(0).watch_count() == 0);
}

TEST_CASE("ACLs with a count below 0 are none, which no znode may have") {
    world w;
    auto c = w.connect();
    for (const std::int32_t count : {-1, -2, -2'147'483'647 - 1, 0}) {
        CAPTURE(count);
        const by_hand body{[&](writer& out) {
            out.string("/a");
            out.string("");
            out.i32(count);
            out.i32(0);
        }};
        CHECK(w.call(*c, opcode::create, body).err == invalid_acl);
    }
    CHECK(w.exists(*c, "/a").err != 0);
}

TEST_CASE("a multi with a path that is null ends where its results would") {
    world w;
    auto c = w.connect();
    for (const opcode op : {opcode::multi, opcode::multi_read}) {
        const by_hand body{[&](writer& out) {
            multi_header{to_wire(op == opcode::multi ? opcode::check : opcode::get_data), false, -1}.write(out);
            out.null_string();
            if (op == opcode::multi)
                out.i32(-1);
            else
                out.boolean(false);
            multi_header{}.write(out);
        }};
        const heard h = w.call(*c, op, body);
        CHECK(h.err == marshalling);
        CHECK(h.body == end_of_results());
    }
    const by_hand unreadable{[](writer& out) {
        multi_header{to_wire(opcode::check), false, -1}.write(out);
        out.i32(-2);    // the length of the path
        multi_header{}.write(out);
    }};
    const heard h = w.call(*c, opcode::multi, unreadable);
    CHECK(h.err == marshalling);
    CHECK(h.body.empty());
}
