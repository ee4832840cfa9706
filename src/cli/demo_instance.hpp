// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/child_process.hpp"
#include "cli/environment.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace muster::cli {

/// What an instance of the demo is started with.
struct demo_instance_options {
    std::string zk;
    std::string prefix;
    std::string service;
    std::chrono::milliseconds session_timeout{};
    std::uint16_t port = 0;
    std::uint32_t weight = 1;
};

/// An instance of the demo: a `muster register` in a process of its own, so that it can die as processes do.
/// On destruction it is asked to leave in order, and killed if it does not within a second.
class demo_instance {
public:
    demo_instance(environment& env, const demo_instance_options& o);
    demo_instance(const demo_instance&) = delete;
    demo_instance& operator=(const demo_instance&) = delete;
    ~demo_instance();

    /// Waits until it says that it is registered. Throws `std::runtime_error` if it ends instead.
    asio::awaitable<void> registered();

    /// Waits until it has ended.
    asio::awaitable<void> ended();

    /// Where it pretends to serve.
    const std::string& address() const noexcept { return address_; }
    pid_t pid() const noexcept { return process_->pid(); }
    void signal(int number) noexcept { process_->signal(number); }

private:
    std::string address_;
    asio::posix::stream_descriptor output_;
    std::string received_;
    std::unique_ptr<child_process> process_;
};

}    // namespace muster::cli
