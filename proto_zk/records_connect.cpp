// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_connect.hpp"

namespace muster::zk::proto {
namespace {

void read_password(reader& r, std::string& password) {
    const std::string_view bytes = r.string();
    if (bytes.size() > max_password_bytes) return r.fail(protocol_errc::bad_handshake);
    password = bytes;
}

void read_flag(reader& r, bool& read_only, bool& has_read_only) {
    has_read_only = !r.rest().empty();
    read_only = has_read_only && r.boolean();
}

}    // namespace

void connect_request::write(writer& w) const {
    write_fields(w, protocol_version, last_zxid_seen, timeout_ms, session_id, password);
    if (has_read_only) w.boolean(read_only);
}

void connect_request::read(reader& r) {
    read_fields(r, protocol_version, last_zxid_seen, timeout_ms, session_id);
    read_password(r, password);
    read_flag(r, read_only, has_read_only);
}

void connect_response::write(writer& w) const {
    write_fields(w, protocol_version, timeout_ms, session_id, password);
    if (has_read_only) w.boolean(read_only);
}

void connect_response::read(reader& r) {
    read_fields(r, protocol_version, timeout_ms, session_id);
    read_password(r, password);
    read_flag(r, read_only, has_read_only);
}

}    // namespace muster::zk::proto
