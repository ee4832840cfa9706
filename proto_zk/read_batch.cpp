// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/read_batch.hpp"

#include "proto_zk/by_host.hpp"
#include "proto_zk/frame.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"

#include <algorithm>

namespace muster::zk::proto {
namespace {

constexpr std::size_t first_batch = 8;
constexpr std::size_t frame_head = 12;    // length, xid, type

// What a server that has proved itself may lose in trials: those connections may have ended for other reasons.
constexpr unsigned patience = 3;

// Then it has another trial: it may have been replaced.
constexpr unsigned connections_without = 16;

constexpr std::size_t frame_overhead = 32;    // of a batch, more than the requests have by themselves

}    // namespace

read_batching::read_batching(bool enabled, std::size_t hosts, std::size_t max_request, std::size_t max_reply)
    : hosts_(enabled ? hosts : 0),
      request_bytes_(std::min(request_bytes, max_request > frame_overhead ? max_request - frame_overhead : 0)),
      reply_bytes_(std::min(reply_bytes, max_reply / 2)),
      ramp_(first_batch) {}

void read_batching::attached(std::size_t index) noexcept {
    current_ = index;
    if (current_ >= hosts_.size()) return;
    host& h = hosts_[current_];
    if (refuses(h) && ++h.waited > connections_without) h = {};
}

void read_batching::disconnected(const error_code& why) noexcept {
    if (trying_ && why != client_errc::timed_out) refused();    // who does not know it does not stay silent
    trying_ = false;
    proven_ = false;
    frames_ = 0;
}

void read_batching::replace_hosts(std::span<const std::optional<std::size_t>> former) {
    if (hosts_.empty()) return;
    hosts_ = by_host(hosts_, former);
    // Past the end if it is none of them: then it teaches nothing.
    current_ = static_cast<std::size_t>(std::find(former.begin(), former.end(), current_) - former.begin());
}

bool read_batching::refuses(const error_code& ec) noexcept {
    if (proven_ || (ec != server_errc::unimplemented && ec != server_errc::bad_arguments &&
                    ec != server_errc::marshalling_error && ec != server_errc::system_error)) {
        return false;
    }
    refused();
    return true;
}

bool read_batching::refuses(const host& h) noexcept { return h.strikes >= (h.proven ? patience : 1); }

std::size_t read_batching::limit() const noexcept {
    if (current_ >= hosts_.size() || refuses(hosts_[current_])) return 1;
    return std::clamp<std::size_t>(expected_ == 0 ? ramp_ : reply_bytes_ / expected_, 1, ramp_);
}

void read_batching::sent(std::size_t reads) noexcept {
    ++frames_;
    if (reads > 1 && !proven_) trying_ = true;
}

void read_batching::answered(std::size_t reads) noexcept {
    if (frames_ != 0) --frames_;
    if (reads < 2) return;
    if (!proven_ && current_ < hosts_.size()) hosts_[current_] = {true, 0, 0};
    proven_ = true;
    trying_ = false;
    if (reads >= ramp_) ramp_ = std::min(ramp_ * 2, most_reads);
}

void read_batching::refused() noexcept {
    trying_ = false;
    if (current_ >= hosts_.size()) return;
    host& h = hosts_[current_];
    ++h.strikes;
    if (refuses(h)) refusal_ = true;
}

void read_batching::replied(std::size_t bytes) noexcept {
    expected_ = bytes >= expected_ ? bytes : expected_ - (expected_ - bytes + 63) / 64;
}

read_batch_writer::read_batch_writer(std::string& out, std::int32_t xid) : out_(out), begun_(begin_frame(out)) {
    writer w(out_);
    request_header{xid, to_wire(opcode::multi_read)}.write(w);
}

void read_batch_writer::add(std::string_view frame) {
    writer w(out_);
    multi_header{to_wire(opcode::get_data), false, -1}.write(w);
    out_ += frame.substr(frame_head);
}

void read_batch_writer::end() {
    writer w(out_);
    multi_header{}.write(w);
    end_frame(out_, begun_);
}

error_code read_batch_reader::next(error_code& ec, std::string_view& body) {
    multi_header h;
    h.read(in_);
    body = in_.rest();
    if (in_.ok() && h.done) in_.fail(protocol_errc::bad_multi);
    if (h.type == to_wire(opcode::get_data)) {
        (void)in_.buffer();
        stat skipped;
        read(in_, skipped);
        ec = {};
        body = body.substr(0, body.size() - in_.rest().size());
    } else if (h.type == to_wire(opcode::error)) {
        const std::int32_t err = in_.i32();
        if (in_.ok() && err == 0) in_.fail(protocol_errc::bad_multi);
        ec = error_code(err, server_category());
        body = {};
    } else {
        in_.fail(protocol_errc::bad_multi);
    }
    return in_.error();
}

error_code read_batch_reader::end() {
    multi_header h;
    h.read(in_);
    if (in_.ok() && (!h.done || !in_.rest().empty())) in_.fail(protocol_errc::bad_multi);
    return in_.error();
}

}    // namespace muster::zk::proto
