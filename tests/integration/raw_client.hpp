// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client that says exactly what it is told to, and reads when it is told to.
#pragma once

#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "support/zk_frames.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::test {

/// Its socket does not block: what a server in the same thread answers is there once the context has run.
class raw_client {
public:
    using tcp = boost::asio::ip::tcp;

    raw_client(boost::asio::io_context& io, std::uint16_t port) : socket_(io) {
        socket_.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
        socket_.non_blocking(true);
    }

    /// Sends what the socket takes, and tells how much that is.
    std::size_t send(std::string_view bytes) {
        std::size_t sent = 0;
        boost::system::error_code ec;
        while (sent < bytes.size() && !ec) sent += socket_.write_some(boost::asio::buffer(bytes.substr(sent)), ec);
        return sent;
    }

    /// Reads what is there; at most `limit` bytes.
    void read(std::size_t limit = SIZE_MAX) {
        boost::system::error_code ec;
        for (std::size_t got = 0; got < limit && !ec;) {
            buffer_.resize(std::min<std::size_t>(1 << 16, limit - got));
            const auto n = socket_.read_some(boost::asio::buffer(buffer_), ec);
            received.append(buffer_.data(), n);
            got += n;
        }
        if (ec && ec != boost::asio::error::would_block) closed_ = true;
    }

    /// The server closed the connection, as far as was read.
    bool closed() {
        read();
        return closed_;
    }

    static std::string connect_frame(std::chrono::milliseconds timeout, bool read_only = false) {
        zk::proto::connect_request r;
        r.timeout_ms = static_cast<std::int32_t>(timeout.count());
        r.password.assign(16, '\0');
        r.read_only = read_only;
        return frame_of(r);
    }

    static std::string get_frame(std::int32_t xid, std::string path, bool watch = false) {
        zk::proto::request_header h;
        h.xid = xid;
        h.type = zk::proto::to_wire(zk::proto::opcode::get_data);
        zk::proto::path_watch_request r;
        r.path = std::move(path);
        r.watch = watch;
        return frame_of(h, r);
    }

    /// One multiRead of all of `paths`.
    static std::string multi_get_frame(std::int32_t xid, const std::vector<std::string>& paths) {
        zk::proto::request_header h;
        h.xid = xid;
        h.type = zk::proto::to_wire(zk::proto::opcode::multi_read);
        zk::proto::multi_request r;
        for (const std::string& path : paths) {
            zk::proto::path_watch_request get;
            get.path = path;
            r.operations.push_back({zk::proto::opcode::get_data, std::move(get)});
        }
        return frame_of(h, r);
    }

    std::string received;

private:
    tcp::socket socket_;
    std::vector<char> buffer_;
    bool closed_ = false;
};

}    // namespace muster::test
