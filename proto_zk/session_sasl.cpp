// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How a session's user is proven with SASL: tokens go back and forth, one at a time, before anything else is written. Which ones
// the user's mechanism decides; here is only the order.
#include "proto_zk/session.hpp"

#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_admin.hpp"

#include <utility>

namespace muster::zk::proto {

/// The server has answered the connect request. It knows the session, also while its user is being proven.
void session::begin_sasl(connect_response granted, time_point now) {
    phase_ = phase::authenticating;
    last_received_ = now;
    sasl_ = {};
    sasl_.granted = std::move(granted);
    sasl_.challenge.emplace();
}

std::optional<std::string> session::take_challenge() { return std::exchange(sasl_.challenge, std::nullopt); }

void session::respond(std::optional<std::string> token, bool complete, time_point now) {
    if (phase_ != phase::authenticating) return;
    sasl_.complete = complete;
    if (complete && !token) return attach(sasl_.granted, now);
    sasl_.token = token ? std::move(*token) : std::string();
}

void session::append_token(std::string& out) {
    sasl_packet packet;
    packet.token = std::exchange(sasl_.token, std::nullopt);
    sasl_.xid = next_xid();
    const auto at = begin_frame(out);
    writer w(out);
    request_header{sasl_.xid, to_wire(opcode::sasl)}.write(w);
    packet.write(w);
    end_frame(out, at);
}

error_code session::on_token(std::string_view frame, time_point now) {
    reader in(frame);
    reply_header header;
    header.read(in);
    if (in.error()) return in.error();
    if (sasl_.xid == 0) return protocol_errc::unexpected_reply;
    if (header.xid != sasl_.xid) return protocol_errc::xid_out_of_order;
    sasl_.xid = 0;
    if (header.err != 0) return error_code(header.err, server_category());
    sasl_packet packet;
    packet.read(in);
    if (in.error()) return in.error();
    if (sasl_.complete) {    // the server's last word, which some mechanisms do not have
        attach(sasl_.granted, now);
        return {};
    }
    // Servers without SASL, and those that let in whom they could not verify, answer with success and nothing else.
    if (!packet.token) return sasl_errc::refused;
    sasl_.challenge = std::move(packet.token);
    return {};
}

}    // namespace muster::zk::proto
