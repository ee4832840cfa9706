// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that show credentials.
#pragma once

#include "proto_zk/records_admin.hpp"
#include "session_fixture.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace muster::test {

/// Submits credentials. Gives the number of the request.
inline std::uint64_t authenticate(machine& m, const std::string& name, const std::string& credentials) {
    auto r = m.make(name, true);
    proto::request_header header;
    header.type = proto::to_wire(opcode::auth);
    proto::auth_packet packet;
    packet.scheme = "digest";
    packet.auth = credentials;
    r->frame = frame_of(header, packet);
    m.s.submit(std::move(r));
    return m.next_id - 1;
}

/// The credentials that a request shows.
inline std::string shown(const sent_request& r) {
    CHECK(r.is(opcode::auth));
    CHECK(r.xid == proto::xid_auth);
    return r.as<proto::auth_packet>().auth.value_or("none");
}

}    // namespace muster::test
