// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/child.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::bench {

/// A ZooKeeper that has services with instances and in which nothing ever changes: it answers reads on the loopback
/// interface from a process of its own. So the public balancer can be measured without Java, and without a second thread,
/// which would make it count with atomic operations.
class canned_registry {
public:
    canned_registry();

    /// Adds a service with `instances` normals, of weights 1 to 5 in turn. Precondition: not started.
    void add_service(const std::string& name, std::size_t instances);

    void start();

    /// "127.0.0.1:PORT"
    std::string connect_string() const;

private:
    struct znode {
        std::string data;
        std::vector<std::string> children;
        std::int64_t czxid = 1;
    };

    boost::asio::awaitable<void> listen();
    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    void answer(std::string_view frame, std::string& out) const;
    void add(const std::string& parent, const std::string& name, std::string data);

    boost::asio::io_context ioc_{1};
    boost::asio::ip::tcp::acceptor acceptor_;
    std::map<std::string, znode, std::less<>> tree_;
    std::uint16_t port_;
    std::optional<companion> server_;
};

}    // namespace muster::bench
