// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A session machine with a clock that the test moves, and a server that the test plays.
#pragma once

#include "proto_zk/records_data.hpp"
#include "proto_zk/session.hpp"
#include "support/zk_frames.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

using namespace std::chrono_literals;
namespace proto = zk::proto;
using proto::opcode;
using zk::client_errc;
using zk::event_type;
using zk::protocol_errc;
using zk::server_errc;
using zk::session_state;

/// What requests and watches reported, in order: "name ok", "name <message>", "watch type path".
using journal = std::vector<std::string>;

class recorder final : public proto::watch_sink {
public:
    recorder(journal& j, std::string name) : journal_(j), name_(std::move(name)) {}
    void on_event(event_type type, std::string_view path, zk::zxid) override {
        journal_.push_back(name_ + " " + to_string(type) + " " + std::string(path));
    }
    void on_end(const error_code& ec) override { journal_.push_back(name_ + " ended: " + ec.message()); }

private:
    journal& journal_;
    std::string name_;
};

/// A request that writes down how it was completed. May register a watch, as the client's operations do.
class probe final : public proto::request {
public:
    probe(journal& j, std::string name) : journal_(j), name_(std::move(name)) {}
    ~probe() override { CHECK(completions_ <= 1); }

    error_code complete(const error_code& ec, std::string_view body) override {
        ++completions_;
        journal_.push_back(name_ + " " + (ec ? ec.message() : "ok"));
        if (!ec && watches_) watches_->add(kind_, path_, std::make_shared<recorder>(journal_, "watch " + name_));
        if (!ec && malformed_) return protocol_errc::truncated;
        CHECK((ec ? body.empty() : true));
        return {};
    }

    void arm(proto::watch_table& t, proto::watch_kind kind, std::string path) {
        watches_ = &t;
        kind_ = kind;
        path_ = std::move(path);
    }
    void malform() { malformed_ = true; }

private:
    journal& journal_;
    std::string name_;
    proto::watch_table* watches_ = nullptr;
    proto::watch_kind kind_{};
    std::string path_;
    bool malformed_ = false;
    int completions_ = 0;
};

proto::session_settings settings_for_tests();

struct machine {
    using step = proto::session::step;
    static constexpr std::int64_t id = 0x1234;
    static constexpr std::uint64_t latest = std::numeric_limits<std::uint64_t>::max();    // the longest delay

    explicit machine(const proto::session_settings& settings = settings_for_tests());
    ~machine();

    proto::session s;
    proto::session::time_point now{1'000s};
    journal log;
    std::uint64_t next_id = 1;
    std::string written;    // not looked at yet

    // Requests
    std::unique_ptr<probe> make(const std::string& name, bool repeatable);
    std::uint64_t read(const std::string& name);
    /// A plain read of data, which may be packed with others.
    std::uint64_t get(const std::string& name);
    std::uint64_t write(const std::string& name);
    std::uint64_t read_and_watch(const std::string& name, proto::watch_kind kind, const std::string& path);

    // Connections
    void open();
    proto::connect_request greeting();
    /// Opens a connection and lets the server answer.
    proto::connect_request attach(std::int64_t session = id, std::chrono::milliseconds timeout = 9s);
    void lose(std::uint64_t random = 0) { s.disconnected(asio_eof(), now, random); }
    static error_code asio_eof() { return {2, boost::system::generic_category()}; }

    // Bytes
    void fill(std::size_t limit = 256 * 1024);
    std::vector<sent_request> sent();
    error_code feed(std::string_view bytes, std::size_t chunk = std::numeric_limits<std::size_t>::max());
    error_code reply(std::int32_t xid, std::int64_t zxid = 1, std::int32_t err = 0) { return feed(reply_frame(xid, zxid, err)); }

    // Time
    /// Moves the clock to the next deadline and lets time act.
    error_code next_deadline();

    int deadlines = 0;    // that were waited for

    session_state state() const { return s.info().state; }
    journal take_log() { return std::exchange(log, {}); }
};

inline journal lines(std::initializer_list<const char*> l) { return {l.begin(), l.end()}; }

inline const std::string lost = error_code(client_errc::connection_lost).message();
inline const std::string expired = error_code(client_errc::session_expired).message();
inline const std::string closed = error_code(client_errc::closed).message();

}    // namespace muster::test
