// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a client reads. An input is a byte that chooses how it is served, and the bytes of a server:
//
//     bit 0   the handshake has succeeded already       bits 2-4   how the bytes arrive, see deliver() in fuzz.hpp
//     bit 1   requests are under way                    bit 5      reads are batched
//     bit 6   servers without a quorum will do, and that is what the first one is
//     bit 7   the client says who it is, by SASL, of which it has two steps, and with credentials where requests are under way
//
// Whatever comes, every request completes once, and memory is bounded by the largest frame.
#include "fuzz/fuzz.hpp"

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "proto_zk/records_watch.hpp"
#include "proto_zk/session.hpp"
#include "support/zk_frames.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace muster;
using namespace muster::zk::proto;

/// Counts its completions, and reads the body as the operation would.
template <class Record>
class counted final : public request {
public:
    counted(opcode type, int& completions) : completions_(completions) {
        request_header header;
        header.type = to_wire(type);
        frame = test::frame_of(header);
    }

    error_code complete(const error_code& ec, std::string_view body) override {
        ++completions_;
        if (ec) return {};
        reader in(body);
        Record r;
        r.read(in);
        return in.error();
    }

private:
    int& completions_;
};

class sink final : public watch_sink {
public:
    void on_event(zk::event_type, std::string_view, zk::zxid) override {}
    void on_end(const error_code&) override {}
};

/// A session, and what became of its requests.
class conversation {
public:
    conversation(bool attached, bool busy, bool batches, bool read_only, bool identified)
        : session_(settings(batches, read_only, identified), 1) {
        reconnect();
        if (attached) greet(read_only);
        if (!busy) return;
        if (identified) submit_credentials();
        for (int kind = 0; kind != 5; ++kind) {
            const auto k = static_cast<watch_kind>(kind);
            session_.watches().add(k, "/a", std::make_shared<sink>());
            session_.watches().add(k, "/", std::make_shared<sink>());
        }
        for (int i = 0; batches && i != 3; ++i) submit<get_data_response>(opcode::get_data, true, true);
        submit<get_data_response>(opcode::get_data, true);
        submit<create2_response>(opcode::create2, false);
        submit<multi_response>(opcode::multi, false);
        submit<get_children2_response>(opcode::get_children2, true);
        submit<get_acl_response>(opcode::get_acl, true);
        submit<who_am_i_response>(opcode::who_am_i, true);
        submit<stat_response>(opcode::set_data, false);
        flush();
    }

    /// False once the session is over.
    bool arrive(std::string_view bytes) {
        const auto room = session_.read_buffer(bytes.size());
        const auto n = std::min(room.size(), bytes.size());
        fuzz::require(n != 0 || bytes.empty(), "there is always room");
        std::memcpy(room.data(), bytes.data(), n);
        now_ += std::chrono::milliseconds(1);
        error_code ec = session_.received(n, now_);
        identify();
        if (!ec && now_ >= session_.deadline()) ec = session_.tick(now_);
        if (const auto asked = session_.take_question(now_); !ec && asked)
            ec = session_.answered_question(*asked, bytes.size() % 4 == 0, now_, 7);
        if (ec) {
            session_.disconnected(ec, now_, 7);
            reconnect();
        }
        flush();
        return !session_.finished();
    }

    void end() {
        session_.abandon();
        for (std::size_t i = 0; i != submitted_; ++i) fuzz::require(completions_[i] == 1, "every request completes once");
    }

private:
    static session_settings settings(bool batches, bool read_only, bool identified) {
        session_settings s;
        s.batch_reads = batches;
        s.read_only = read_only;
        s.sasl = identified;
        s.max_retries = 2;
        s.max_frame = fuzz::max_frame;
        return s;
    }

    template <class Record>
    void submit(opcode type, bool repeatable, bool batchable = false) {
        auto r = std::make_unique<counted<Record>>(type, completions_[submitted_++]);
        r->repeatable = repeatable;
        r->batchable = batchable;
        session_.submit(std::move(r));
    }

    void submit_credentials() {
        auto r = std::make_unique<counted<reply_header>>(opcode::auth, completions_[submitted_++]);
        request_header header;
        header.type = to_wire(opcode::auth);
        auth_packet who;
        who.scheme = "digest";
        who.auth = "me:secret";
        r->frame = test::frame_of(header, who);
        r->repeatable = true;
        session_.submit(std::move(r));
    }

    /// As a mechanism would that sends two tokens and checks what comes behind the second.
    void identify() {
        while (const auto challenge = session_.take_challenge()) {
            const bool last = ++steps_ % 3 == 0;
            session_.respond(last ? std::nullopt : std::optional<std::string>("token"), last || steps_ % 3 == 2, now_);
        }
    }

    void flush() {
        std::string out;
        while (session_.wants_write()) session_.fill(out, 1 << 16, now_);
    }

    void reconnect() {
        for (int i = 0; i != 100; ++i) {
            const auto step = session_.next(now_);
            if (step.what == session::step::kind::wait) {
                now_ = std::max(now_, step.until);
            } else if (step.what == session::step::kind::connect) {
                session_.connecting(now_);
                session_.connected(now_);
                flush();
                return;
            } else if (session_.info().state == zk::session_state::auth_failed) {
                return;    // the server insists on an identity
            }
        }
        fuzz::require(false, "a session that is not closed connects again");
    }

    void greet(bool read_only) {
        connect_response hello;
        hello.timeout_ms = 10'000;
        hello.session_id = 0x1234;
        hello.read_only = read_only;
        arrive(test::frame_of(hello));
    }

    session::time_point now_{std::chrono::hours(1)};
    std::array<int, 11> completions_{};
    unsigned steps_ = 0;    // of SASL
    std::size_t submitted_ = 0;
    session session_;
};

void records(std::string_view bytes) {
    fuzz::round_trip<connect_response>(bytes);
    fuzz::round_trip<reply_header>(bytes);
    fuzz::round_trip<watcher_event>(bytes);
    fuzz::round_trip<create_response>(bytes);
    fuzz::round_trip<create2_response>(bytes);
    fuzz::round_trip<stat_response>(bytes);
    fuzz::round_trip<get_data_response>(bytes);
    fuzz::round_trip<get_children_response>(bytes);
    fuzz::round_trip<get_children2_response>(bytes);
    fuzz::round_trip<total_number_response>(bytes);
    fuzz::round_trip<get_ephemerals_response>(bytes);
    fuzz::round_trip<get_acl_response>(bytes);
    fuzz::round_trip<who_am_i_response>(bytes);
    fuzz::round_trip<error_response>(bytes);
    fuzz::round_trip<sasl_packet>(bytes);
    fuzz::round_trip<multi_response>(bytes);
}

}    // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const unsigned mode = in.byte();
    records(in.rest());

    conversation talk((mode & 1) != 0, (mode & 2) != 0, (mode & 32) != 0, (mode & 64) != 0, (mode & 128) != 0);
    fuzz::deliver(in, mode, [&talk](std::string_view bytes) { return talk.arrive(bytes); });
    talk.end();
    return 0;
}
