// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace muster::test {

/// An io_context for tests against real servers: runs one coroutine to its end, or until something holds, with a limit.
class loop {
public:
    using milliseconds = std::chrono::milliseconds;

    boost::asio::io_context io{1};

    /// Runs `a` to its end and gives its result; throws what it throws, and `std::runtime_error` after `limit`.
    template <class T>
    T run(boost::asio::awaitable<T> a, milliseconds limit = std::chrono::seconds(30)) {
        std::exception_ptr error;
        bool done = false;
        if constexpr (std::is_void_v<T>) {
            boost::asio::co_spawn(io, std::move(a), [&](std::exception_ptr e) {
                error = e;
                done = true;
            });
            finish(done, error, limit);
        } else {
            std::optional<T> value;
            boost::asio::co_spawn(io, std::move(a), [&](std::exception_ptr e, T v) {
                error = e;
                if (!e) value.emplace(std::move(v));
                done = true;
            });
            finish(done, error, limit);
            return std::move(*value);
        }
    }

    /// Runs until `holds()`; false if it does not within `limit`.
    template <class Condition>
    bool until(Condition holds, milliseconds limit = std::chrono::seconds(20)) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!holds()) {
            if (std::chrono::steady_clock::now() >= end) return false;
            io.restart();
            io.run_one_for(milliseconds(5));
        }
        return true;
    }

    /// Runs for a time.
    void pass(milliseconds time) {
        until([] { return false; }, time);
    }

private:
    void finish(const bool& done, std::exception_ptr& error, milliseconds limit) {
        if (!until([&] { return done; }, limit)) throw std::runtime_error("the coroutine did not end in time");
        if (error) std::rethrow_exception(error);
    }
};

}    // namespace muster::test
