// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/random.hpp"
#include "simulation/trace.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::sim {

namespace asio = boost::asio;

/// What ends a run: something that must never be was seen.
class violation : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Time and order. Events happen at their time, those of one time in the order in which they were made. After each of them
/// everything that is ready in the io_context runs, and then whoever wants to look at the result.
class kernel {
public:
    kernel(std::uint64_t seed, recording events);
    kernel(const kernel&) = delete;
    kernel& operator=(const kernel&) = delete;

    instant now() const noexcept { return now_; }
    std::uint64_t seed() const noexcept { return seed_; }
    asio::any_io_executor executor() { return io_.get_executor(); }

    /// Random numbers for a purpose.
    random chance(std::string_view purpose) const noexcept { return {seed_, purpose}; }

    void at(instant t, std::function<void()> act);
    void after(instant d, std::function<void()> act) { at(now_ + d, std::move(act)); }

    /// Called after each event.
    void watch(std::function<void()> look) { look_ = std::move(look); }

    /// Runs what is ready, without letting time pass. Gives the number of handlers that ran.
    std::size_t run_ready();
    /// True if nothing is ready, and nothing that was begun waits for a handler of its own.
    bool idle();
    /// Runs to `end`.
    void run_until(instant end);
    void run_for(instant d) { run_until(now_ + d); }

    template <class... Args>
    void note(fmt::format_string<Args...> format, Args&&... args) {
        trace_.add(now_, format, std::forward<Args>(args)...);
    }

    /// Ends the run.
    template <class... Args>
    [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
        throw violation(fmt::format(format, std::forward<Args>(args)...));
    }

    const trace& events() const noexcept { return trace_; }
    /// Events so far.
    std::uint64_t steps() const noexcept { return steps_; }

private:
    struct event {
        instant at;
        std::uint64_t number;
        std::function<void()> act;
    };
    static bool later(const event& a, const event& b) noexcept { return a.at != b.at ? a.at > b.at : a.number > b.number; }

    const std::uint64_t seed_;
    instant now_{};
    std::uint64_t last_number_ = 0;
    std::uint64_t steps_ = 0;
    trace trace_;
    std::function<void()> look_;
    std::vector<event> queue_;    // a heap
    // One thread ever: the scheduler needs no locks.
    asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
};

}    // namespace muster::sim
