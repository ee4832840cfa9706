// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What every command that talks to ZooKeeper needs: a loop, a clock, and a bound on how long it waits.
#pragma once

#include <muster/zk/client.hpp>

#include "cli/options.hpp"
#include "runtime/world.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <string>

namespace muster::cli {

namespace asio = boost::asio;

/// What a command runs in.
struct environment {
    asio::io_context& io;
    runtime::world& world;
    const cli::options& options;
    bool json;    ///< Objects are printed as JSON, not for people.
};

/// Runs `body` to its end and gives its exit code. What it throws comes out.
int run(const options& o, bool json, const std::function<asio::awaitable<int>(environment&)>& body);

/// Completes at `t`, or with an exception when cancelled.
asio::awaitable<void> wait_until(environment& env, runtime::time_point t);

/// The same after `d`.
asio::awaitable<void> pause(environment& env, runtime::duration d);

/// Never completes, but with an exception when cancelled.
asio::awaitable<void> forever(environment& env);

/// Adds the signals that are not ignored: what is when we are started, as by nohup or by a shell that runs us in the background,
/// is to stay so.
void heed(asio::signal_set& signals, std::initializer_list<int> numbers);

/// The next of these signals.
asio::awaitable<int> next_signal(asio::signal_set& signals);

/// `body`, or `exit_failed` after a word on standard error where it throws. For what runs beside others under `||`, which would
/// wait for the others first.
asio::awaitable<int> guarded(asio::awaitable<int> body);

/// Completes once all that was printed in the background is written, or some of it could not be, which is false.
asio::awaitable<bool> printed(environment& env);

/// True if `op` ends within `d`; it is cancelled otherwise. What it throws comes out at once.
asio::awaitable<bool> within(environment& env, runtime::duration d, asio::awaitable<void> op);

/// True once a server has answered; false, after a word on standard error, if none has within `wait`, or none ever will.
asio::awaitable<bool> reach(environment& env, zk::client client, std::chrono::milliseconds wait);

/// True if the chroot of the connect string exists, or if it has none. Precondition: the session is connected.
asio::awaitable<bool> has_chroot(zk::client client);

/// "the chroot '/x' does not exist in ZooKeeper at HOSTS"
std::string no_chroot(const options& o);

/// "service 's' below '/p' cannot be read: WHY"
std::string unreadable(const options& o, const error_code& why);

/// "ZooKeeper at HOSTS did not answer in full within 5s"
std::string not_in_full(const options& o);

/// Ends the session in order if there is a connection, without much of a wait.
asio::awaitable<void> leave(environment& env, zk::client client);

/// "ZooKeeper at HOSTS was not reached within 5s: Connection refused", or "ZooKeeper at HOSTS cannot be used: ..." where the
/// client has given up.
std::string not_reached(const options& o, std::chrono::milliseconds wait, const zk::session_info& s);

}    // namespace muster::cli
