// Part of muster. Boost Software License 1.0, see LICENSE.
#include "differential/wire.hpp"

#include "proto_zk/frame.hpp"
#include "support/zk_server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <poll.h>

#include <stdexcept>

namespace muster::test {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

class socket_wire final : public wire {
public:
    explicit socket_wire(std::uint16_t port) {
        socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
        socket_.set_option(tcp::no_delay(true));
    }

    void send(std::string_view bytes) override {
        boost::system::error_code closed;    // told by next_frame
        asio::write(socket_, asio::buffer(bytes), closed);
    }

    std::optional<std::string> next_frame() override {
        for (;;) {
            error_code ec;
            if (const auto frame = frames_.next(ec)) return std::string(*frame);
            if (ec) throw std::runtime_error("Apache's server sent no frame: " + ec.message());
            pollfd p{socket_.native_handle(), POLLIN, 0};
            if (poll(&p, 1, 20'000) != 1) throw std::runtime_error("Apache's server says nothing");
            const auto room = frames_.prepare(64 * 1024);
            const auto n = socket_.read_some(asio::buffer(room.data(), room.size()), ec);
            if (ec) return std::nullopt;
            frames_.commit(n);
        }
    }

private:
    asio::io_context io_;
    tcp::socket socket_{io_};
    zk::proto::frame_reader frames_{64 * 1024 * 1024};
};

class apache final : public server_under_test {
public:
    apache() : server_(options(), server_kind::apache) { server_.start(); }
    std::string_view name() const override { return "Apache"; }
    std::unique_ptr<wire> connect() override { return std::make_unique<socket_wire>(server_.port()); }
    void pass_time() override {}

private:
    static zk_options options() {
        zk_options o;
        o.quick_start = false;
        o.jvm = {"-Dznode.container.checkIntervalMs=3600000"};    // what time does on its own is not compared
        return o;
    }
    zk_server server_;
};

}    // namespace

std::unique_ptr<server_under_test> make_apache() { return std::make_unique<apache>(); }

}    // namespace muster::test
