// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Values that several records contain, and their bytes.
#pragma once

#include <muster/zk/types.hpp>

namespace muster::test {

inline zk::stat sample_stat() {
    zk::stat s;
    s.czxid = 0x11;
    s.mzxid = 0x100000012;
    s.ctime = 1700000000000;
    s.mtime = 1700000000001;
    s.version = 3;
    s.cversion = 5;
    s.aversion = 1;
    s.ephemeral_owner = -0x7effffffffffffff;    // 0x8100000000000001: of a server with an id from 128
    s.data_length = 1;
    s.num_children = 2;
    s.pzxid = 0x13;
    return s;
}

#define SAMPLE_STAT                                                        \
    " 0000000000000011 0000000100000012 0000018bcfe56800 0000018bcfe56801" \
    " 00000003 00000005 00000001 8100000000000001 00000001 00000002 0000000000000013 "

#define WORLD_ANYONE_ALL " 0000001f 00000005'world' 00000006'anyone' "

}    // namespace muster::test
