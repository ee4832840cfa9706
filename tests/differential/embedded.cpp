// Part of muster. Boost Software License 1.0, see LICENSE.
#include "differential/wire.hpp"

#include "embedded/ensemble.hpp"
#include "proto_zk/frame.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace muster::test {
namespace {

using embedded::time_point;

time_point now() { return std::chrono::steady_clock::now(); }

class sink final : public embedded::connection_sink {
public:
    void send(std::string_view bytes) override {
        while (!bytes.empty()) {
            const auto room = frames.prepare(bytes.size());
            const auto n = std::min(room.size(), bytes.size());
            std::memcpy(room.data(), bytes.data(), n);
            frames.commit(n);
            bytes.remove_prefix(n);
        }
    }
    void close() override { closed = true; }

    zk::proto::frame_reader frames{64 * 1024 * 1024};
    bool closed = false;
};

class direct_wire final : public wire {
public:
    explicit direct_wire(embedded::ensemble& e) : ensemble_(e), id_(e.at(0).open(sink_, "127.0.0.1", now())) {}
    ~direct_wire() override {
        if (!sink_.closed) ensemble_.at(0).closed(id_, now());
    }

    void send(std::string_view bytes) override {
        if (!sink_.closed) ensemble_.at(0).received(id_, bytes, now());
    }

    std::optional<std::string> next_frame() override {
        error_code ec;
        if (const auto frame = sink_.frames.next(ec)) return std::string(*frame);
        if (ec) throw std::runtime_error("the embedded server sent no frame: " + ec.message());
        if (!sink_.closed) throw std::runtime_error("the embedded server says nothing");
        return std::nullopt;
    }

private:
    embedded::ensemble& ensemble_;
    sink sink_;
    embedded::server::connection_id id_;
};

class ours final : public server_under_test {
public:
    explicit ours(std::uint64_t seed) : ensemble_(configuration(), 1, seed, now(), std::chrono::system_clock::now()) {}
    std::string_view name() const override { return "embedded"; }
    std::unique_ptr<wire> connect() override { return std::make_unique<direct_wire>(ensemble_); }
    void pass_time() override { ensemble_.tick(now()); }

private:
    static embedded::settings configuration() {
        embedded::settings s;
        s.tick = std::chrono::milliseconds(500);
        s.extended_types = true;
        s.container_check_interval = std::chrono::hours(1);
        return s;
    }
    embedded::ensemble ensemble_;
};

}    // namespace

std::unique_ptr<server_under_test> make_embedded(std::uint64_t seed) { return std::make_unique<ours>(seed); }

}    // namespace muster::test
