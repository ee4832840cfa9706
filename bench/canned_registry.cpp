// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/canned_registry.hpp"

#include "proto_zk/frame.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

namespace muster::bench {

namespace asio = boost::asio;
namespace proto = zk::proto;
using asio::ip::tcp;

namespace {

constexpr std::size_t max_frame = 1 << 20;

template <class Body>
void reply(std::string& out, std::int32_t xid, const Body& body) {
    const std::size_t frame = proto::begin_frame(out);
    proto::writer w(out);
    proto::reply_header header;
    header.xid = xid;
    header.zxid = 1;
    header.write(w);
    body.write(w);
    proto::end_frame(out, frame);
}

void reply(std::string& out, std::int32_t xid, std::int32_t error) {
    const std::size_t frame = proto::begin_frame(out);
    proto::writer w(out);
    proto::reply_header header;
    header.xid = xid;
    header.zxid = 1;
    header.err = error;
    header.write(w);
    proto::end_frame(out, frame);
}

void greet(std::string_view frame, std::string& out) {
    proto::reader in(frame);
    proto::connect_request request;
    request.read(in);
    proto::connect_response response;
    response.timeout_ms = request.timeout_ms;
    response.session_id = 1;
    response.has_read_only = request.has_read_only;
    const std::size_t begun = proto::begin_frame(out);
    proto::writer w(out);
    response.write(w);
    proto::end_frame(out, begun);
}

}    // namespace

canned_registry::canned_registry()
    : acceptor_(ioc_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), port_(acceptor_.local_endpoint().port()) {
    tree_["/"];
    add("/", "micro-service", {});
}

void canned_registry::add(const std::string& parent, const std::string& name, std::string data) {
    tree_[parent].children.push_back(name);
    znode& n = tree_[parent == "/" ? "/" + name : parent + "/" + name];
    n.data = std::move(data);
    n.czxid = static_cast<std::int64_t>(tree_.size());
}

void canned_registry::add_service(const std::string& name, std::size_t instances) {
    add("/micro-service", name, {});
    for (std::size_t i = 0; i != instances; ++i) {
        add("/micro-service/" + name, fmt::format("normal{:010}", i),
            fmt::format(
                R"({{"serverip":"10.0.{}.{}","serverport":50000,"username":"","userpwd":"","serveruniquecode":"","weight":{}}})",
                i / 250, i % 250 + 1, i % 5 + 1));
    }
}

void canned_registry::start() {
    ioc_.notify_fork(asio::io_context::fork_prepare);
    server_.emplace([this] {
        ioc_.notify_fork(asio::io_context::fork_child);
        asio::co_spawn(ioc_, listen(), asio::detached);
        ioc_.run();
    });
    ioc_.notify_fork(asio::io_context::fork_parent);
    acceptor_.close();
}

std::string canned_registry::connect_string() const { return fmt::format("127.0.0.1:{}", port_); }

asio::awaitable<void> canned_registry::listen() {
    for (;;) {
        tcp::socket socket = co_await acceptor_.async_accept(asio::deferred);
        asio::co_spawn(ioc_, serve(std::move(socket)), asio::detached);
    }
}

void canned_registry::answer(std::string_view frame, std::string& out) const {
    proto::reader in(frame);
    proto::request_header header;
    header.read(in);
    switch (static_cast<proto::opcode>(header.type)) {
        case proto::opcode::add_watch:
            return reply(out, header.xid, proto::error_response{});
        case proto::opcode::ping:
        case proto::opcode::set_watches:
        case proto::opcode::set_watches2:
        case proto::opcode::close_session:
            return reply(out, header.xid, 0);
        case proto::opcode::exists:
        case proto::opcode::get_data:
        case proto::opcode::get_children:
        case proto::opcode::get_children2:
            break;
        default:
            return reply(out, header.xid, static_cast<std::int32_t>(zk::server_errc::unimplemented));
    }
    proto::path_watch_request request;
    request.read(in);
    const auto found = tree_.find(request.path);
    if (found == tree_.end()) return reply(out, header.xid, static_cast<std::int32_t>(zk::server_errc::no_node));
    const znode& n = found->second;
    zk::stat stat;
    stat.czxid = stat.mzxid = stat.pzxid = n.czxid;
    stat.data_length = static_cast<std::int32_t>(n.data.size());
    stat.num_children = static_cast<std::int32_t>(n.children.size());
    switch (static_cast<proto::opcode>(header.type)) {
        case proto::opcode::exists:
            return reply(out, header.xid, proto::stat_response{stat});
        case proto::opcode::get_data:
            return reply(out, header.xid, proto::get_data_response{n.data, stat});
        case proto::opcode::get_children:
            return reply(out, header.xid, proto::get_children_response{n.children});
        default:
            return reply(out, header.xid, proto::get_children2_response{n.children, stat});
    }
}

asio::awaitable<void> canned_registry::serve(tcp::socket socket) {
    socket.set_option(tcp::no_delay(true));
    proto::frame_reader frames(max_frame);
    std::string out;
    bool greeted = false;
    for (;;) {
        const std::span<char> room = frames.prepare(16'384);
        error_code ec;
        const std::size_t n = co_await socket.async_read_some(asio::buffer(room.data(), room.size()),
                                                              asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        frames.commit(n);
        while (auto frame = frames.next(ec)) {
            if (greeted)
                answer(*frame, out);
            else
                greet(*frame, out);
            greeted = true;
        }
        if (ec) co_return;
        co_await asio::async_write(socket, asio::buffer(out), asio::redirect_error(asio::use_awaitable, ec));
        if (ec) co_return;
        out.clear();
    }
}

}    // namespace muster::bench
