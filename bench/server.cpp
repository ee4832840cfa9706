// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/server.hpp"

#include "bench/child.hpp"
#include "support/apache_server.hpp"

#include <muster/embedded_server.hpp>

#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace muster::bench {
namespace {

/// A session takes a descriptor on either side, and the usual limit is 1024.
void allow_many_descriptors() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

[[noreturn]] void serve(int tell, std::chrono::milliseconds session_timeout) {
    boost::asio::io_context ioc(1);
    embedded_server_params p;
    p.max_session_timeout = std::max(p.max_session_timeout, session_timeout);
    embedded_server server(ioc, p);
    server.start();
    const std::uint16_t port = server.port();
    if (write(tell, &port, sizeof port) != sizeof port) throw std::runtime_error("embedded server: nobody listens");
    for (;;) ioc.run();    // until the bench kills it
}

}    // namespace

struct bench_server::apache_process : process {
    explicit apache_process(test::zookeeper_options o) : server(std::move(o)) { server.start(); }
    test::apache_server server;
};

struct bench_server::embedded_process : process {
    explicit embedded_process(std::chrono::milliseconds session_timeout) {
        int ends[2];
        if (pipe(ends) != 0) throw std::system_error(errno, std::system_category(), "pipe");
        server.emplace([&] { serve(ends[1], session_timeout); });
        close(ends[1]);
        const ssize_t n = read(ends[0], &port, sizeof port);
        close(ends[0]);
        if (n != sizeof port) throw std::runtime_error("the embedded server does not start");
    }
    std::optional<companion> server;
    std::uint16_t port = 0;
};

bench_server::bench_server(const std::string& name, std::chrono::milliseconds session_timeout) {
    allow_many_descriptors();
    if (name == apache) {
        test::zookeeper_options o;
        o.quick_start = false;
        o.max_session_timeout = std::max(20 * o.tick, session_timeout);    // without a word it is 20 ticks
        auto p = std::make_unique<apache_process>(std::move(o));
        hosts_ = fmt::format("127.0.0.1:{}", p->server.port());
        process_ = std::move(p);
        warms_up_ = true;
    } else if (name == embedded) {
        auto p = std::make_unique<embedded_process>(session_timeout);
        hosts_ = fmt::format("127.0.0.1:{}", p->port);
        process_ = std::move(p);
    } else {
        hosts_ = name;
    }
}

bench_server::~bench_server() = default;

}    // namespace muster::bench
