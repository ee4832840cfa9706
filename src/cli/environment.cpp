// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/environment.hpp"

#include "cli/child_process.hpp"
#include "cli/line_writer.hpp"
#include "cli/output.hpp"
#include "cli/values.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <memory>
#include <utility>

namespace muster::cli {
namespace {

using std::chrono::milliseconds;

/// Completes once the session is connected or never will be.
asio::awaitable<void> decided(zk::client client) {
    client.start();
    zk::session_info now = client.session();
    while (now.state != zk::session_state::connected && !now.ended)
        now = co_await client.session_change(now.version, asio::use_awaitable);
}

/// Completes once a server has answered, or none ever will: some take connections and open sessions, and say no more.
asio::awaitable<void> answered(zk::client client) {
    co_await decided(client);
    co_await client.exists("/", asio::as_tuple(asio::use_awaitable));
}

/// Has `timer` cancelled in the loop whenever the writer has nothing to do.
class idle_notice {
public:
    idle_notice(asio::io_context& io, line_writer& out, const std::shared_ptr<runtime::timer>& timer) : out_(out) {
        out_.on_idle([&io, timer] { asio::post(io, [timer] { timer->cancel(); }); });
    }
    idle_notice(const idle_notice&) = delete;
    idle_notice& operator=(const idle_notice&) = delete;
    ~idle_notice() { out_.on_idle(nullptr); }

private:
    line_writer& out_;
};

asio::awaitable<void> closed(zk::client client) { co_await client.close(asio::as_tuple(asio::use_awaitable)); }

}    // namespace

int run(const options& o, bool json, const std::function<asio::awaitable<int>(environment&)>& body) {
    const auto world = runtime::make_asio_world();
    asio::io_context io(1);
    environment env{io, *world, o, json};
    int code = exit_failed;
    std::exception_ptr failure;
    asio::co_spawn(io, body(env), [&](std::exception_ptr e, int c) {
        failure = std::move(e);
        code = c;
        io.stop();
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return code;
}

asio::awaitable<void> wait_until(environment& env, runtime::time_point t) {
    const auto timer = env.world.make_timer(env.io.get_executor());
    timer->expires_at(t);
    auto start = [&timer](runtime::void_handler h) { timer->async_wait(std::move(h)); };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(start, asio::use_awaitable);
}

asio::awaitable<void> pause(environment& env, runtime::duration d) { return wait_until(env, env.world.now() + d); }

asio::awaitable<void> forever(environment& env) { return wait_until(env, runtime::time_point::max()); }

void heed(asio::signal_set& signals, std::initializer_list<int> numbers) {
    for (const int number : numbers) {
        if (!is_ignored(number)) signals.add(number);
    }
}

asio::awaitable<int> next_signal(asio::signal_set& signals) { co_return co_await signals.async_wait(asio::use_awaitable); }

asio::awaitable<int> guarded(asio::awaitable<int> body) {
    std::exception_ptr failure;
    try {
        co_return co_await std::move(body);
    } catch (...) {
        failure = std::current_exception();
    }
    // Cancelled, what ran under || in the body throws in a way of its own.
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) std::rethrow_exception(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const output_lost&) {
    } catch (const std::exception& e) {
        diagnose(e.what());
    }
    co_return exit_failed;
}

asio::awaitable<bool> printed(environment& env) {
    line_writer& out = *background_output();
    const std::shared_ptr<runtime::timer> idle = env.world.make_timer(env.io.get_executor());
    const idle_notice notice(env.io, out, idle);
    idle->expires_at(runtime::time_point::max());
    auto start = [&idle](runtime::void_handler h) { idle->async_wait(std::move(h)); };
    const auto token = asio::as_tuple(asio::use_awaitable);
    while (out.pending()) {
        // Cancelled by the notice, or as a whole; the notice comes through the loop, so none is missed in between.
        co_await asio::async_initiate<decltype(token), void(error_code)>(start, token);
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_return !output_failed();
}

asio::awaitable<bool> within(environment& env, runtime::duration d, asio::awaitable<void> op) {
    const auto ex = env.io.get_executor();
    auto both = asio::experimental::make_parallel_group(asio::co_spawn(ex, std::move(op), asio::deferred),
                                                        asio::co_spawn(ex, pause(env, d), asio::deferred));
    const auto [order, failure, timer_failure] =
        co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(asio::error::operation_aborted);
    if (order[0] != 0) co_return false;
    if (failure) std::rethrow_exception(failure);
    co_return true;
}

asio::awaitable<bool> reach(environment& env, zk::client client, milliseconds wait) {
    const bool in_time = co_await within(env, wait, answered(client));    // in an `if`, GCC 12 misplaces it in the frame
    const zk::session_info now = client.session();
    if (in_time && now.state == zk::session_state::connected) co_return true;
    diagnose(not_reached(env.options, wait, now));
    co_return false;
}

asio::awaitable<bool> has_chroot(zk::client client) {
    if (client.configuration().servers.chroot().empty()) co_return true;
    const auto found = co_await client.exists("/", asio::use_awaitable);
    co_return found.has_value();
}

std::string unreadable(const options& o, const error_code& why) {
    return fmt::format("service '{}' below '/{}' cannot be read: {}", o.service, o.prefix, why.message());
}

std::string no_chroot(const options& o) {
    return fmt::format("the chroot '{}' does not exist in ZooKeeper at {}", o.zk.servers.chroot(), o.zk.servers.to_string());
}

std::string not_in_full(const options& o) {
    return fmt::format("ZooKeeper at {} did not answer in full within {}", o.zk.servers.to_string(), to_text(*o.wait));
}

asio::awaitable<void> leave(environment& env, zk::client client) {
    if (client.session().state != zk::session_state::connected) co_return;
    constexpr milliseconds patience{500};
    co_await within(env, patience, closed(client));
}

std::string not_reached(const options& o, milliseconds wait, const zk::session_info& s) {
    const std::string why = !s.message.empty() ? s.message : s.last_error ? s.last_error.message() : "no server answered";
    if (s.state == zk::session_state::auth_failed)
        return fmt::format("ZooKeeper at {} cannot be used: {}", o.zk.servers.to_string(), why);
    if (s.state == zk::session_state::connected)
        return fmt::format("ZooKeeper at {} has not answered within {}", o.zk.servers.to_string(), to_text(wait));
    return fmt::format("ZooKeeper at {} was not reached within {}: {}", o.zk.servers.to_string(), to_text(wait), why);
}

}    // namespace muster::cli
