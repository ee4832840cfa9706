// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/demo_instance.hpp"

#include "cli/values.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace muster::cli {

demo_instance::demo_instance(environment& env, const demo_instance_options& o)
    : address_(fmt::format("127.0.0.1:{}", o.port)), output_(env.io) {
    std::array<int, 2> pipe{-1, -1};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "cannot make a pipe");
    output_.assign(pipe[0]);
    child_options c;
    c.argv = {"/proc/self/exe",
              "register",
              "--json",
              "--zk",
              o.zk,
              "--prefix",
              o.prefix,
              "--service",
              o.service,
              "--session-timeout",
              to_text(o.session_timeout),
              "--ip",
              "127.0.0.1",
              "--port",
              std::to_string(o.port),
              "--weight",
              std::to_string(o.weight)};
    c.argv.insert(c.argv.end(), env.options.security_arguments.begin(), env.options.security_arguments.end());
    c.out = pipe[1];
    try {
        process_ = std::make_unique<child_process>(c);
    } catch (...) {
        ::close(pipe[1]);
        throw;
    }
    ::close(pipe[1]);
}

demo_instance::~demo_instance() {
    process_->signal(SIGTERM);
    process_->wait(std::chrono::seconds(1));
}

asio::awaitable<void> demo_instance::registered() {
    for (;;) {
        const auto [ec, size] =
            co_await asio::async_read_until(output_, asio::dynamic_buffer(received_), '\n', asio::as_tuple(asio::use_awaitable));
        if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
        if (ec) throw std::runtime_error(fmt::format("the instance at {} has ended", address_));
        const auto event = boost::json::parse(std::string_view(received_).substr(0, size));
        received_.erase(0, size);
        if (event.at("event").as_string() == "registered") co_return;
    }
}

asio::awaitable<void> demo_instance::ended() {
    std::array<char, 512> part{};
    for (;;) {
        const auto [ec, size] = co_await output_.async_read_some(asio::buffer(part), asio::as_tuple(asio::use_awaitable));
        if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
        if (ec) co_return;
    }
}

}    // namespace muster::cli
