// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_connect.hpp"

#include "proto_zk/frame.hpp"
#include "proto_zk/opcodes.hpp"
#include "record_check.hpp"

using namespace muster::test;
using namespace muster::zk;
using namespace muster::zk::proto;

namespace {

template <class... Records>
std::string frame(const Records&... records) {
    std::string out;
    const auto begun = begin_frame(out);
    writer w(out);
    (records.write(w), ...);
    end_frame(out, begun);
    return hex(out);
}

}    // namespace

TEST_CASE("frames of the handshake") {
    connect_request first;
    first.timeout_ms = 30000;
    CHECK(frame(first) == hex(bytes("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00*16 00")));
    CHECK(frame(connect_response{}) == hex(bytes("00000025 00000000 00000000 0000000000000000 00000010 00*16 00")));
}

TEST_CASE("frames without a body") {
    CHECK(frame(request_header{xid_ping, to_wire(opcode::ping)}) == hex(bytes("00000008 fffffffe 0000000b")));
    CHECK(frame(request_header{5, to_wire(opcode::close_session)}) == hex(bytes("00000008 00000005 fffffff5")));
    CHECK(frame(reply_header{2, 0x11, -101}) == hex(bytes("00000010 00000002 0000000000000011 ffffff9b")));
}

TEST_CASE("connect_request") {
    connect_request resume;
    resume.protocol_version = 0;
    resume.last_zxid_seen = 0x100000002;
    resume.timeout_ms = 10000;
    resume.session_id = -0x7effffffffffffff;
    resume.password = "0123456789abcdef";
    resume.read_only = true;
    check_record(resume, "00000000 0000000100000002 00002710 8100000000000001 00000010 '0123456789abcdef' 01");
    resume.read_only = false;
    check_record(resume, "00000000 0000000100000002 00002710 8100000000000001 00000010 '0123456789abcdef' 00");
    resume.has_read_only = false;
    check_record(resume, "00000000 0000000100000002 00002710 8100000000000001 00000010 '0123456789abcdef'");
}

TEST_CASE("connect_response") {
    connect_response accepted;
    accepted.timeout_ms = 4000;
    accepted.session_id = 0x100000000000001;
    accepted.password = "0123456789abcdef";
    accepted.read_only = true;
    check_record(accepted, "00000000 00000fa0 0100000000000001 00000010 '0123456789abcdef' 01");
    accepted.read_only = false;
    accepted.has_read_only = false;
    check_record(accepted, "00000000 00000fa0 0100000000000001 00000010 '0123456789abcdef'");
}

TEST_CASE("without the flag a connect record is not read-only") {
    connect_response used;
    used.read_only = true;
    CHECK(!decode(bytes("00000000 00000fa0 0100000000000001 00000000"), used).failed());
    CHECK(!used.read_only);
    CHECK(!used.has_read_only);
    CHECK(used.password.empty());
}

TEST_CASE("R49: passwords have at most 64 bytes") {
    connect_response response;
    CHECK(!decode(bytes("00000000 00000fa0 0100000000000001 00000040 aa*64 00"), response).failed());
    CHECK(response.password == std::string(64, '\xaa'));
    check_refused<connect_response>("00000000 00000fa0 0100000000000001 00000041 aa*65 00", protocol_errc::bad_handshake);
    check_refused<connect_request>("00000000 0000000000000000 00000fa0 0100000000000001 00000041 aa*65 00",
                                   protocol_errc::bad_handshake);
    check_refused<connect_response>("00000000 00000fa0 0100000000000001 7fffffff aa*16 00", protocol_errc::bad_length);
    check_refused<connect_response>("00000000 00000fa0 0100000000000001 fffffffe aa*16 00", protocol_errc::bad_length);
}

TEST_CASE("headers") {
    check_record(request_header{1, to_wire(opcode::create)}, "00000001 00000001");
    check_record(request_header{7, 4711}, "00000007 00001267");
    check_record(reply_header{7, 0x0102030405060708, 0}, "00000007 0102030405060708 00000000");
    check_record(reply_header{xid_event, -1, 0}, "ffffffff ffffffffffffffff 00000000");
    check_record(reply_header{xid_auth, 0, -115}, "fffffffc 0000000000000000 ffffff8d");
    check_record(reply_header{xid_set_watches, 1, -9999}, "fffffff8 0000000000000001 ffffd8f1");
}
