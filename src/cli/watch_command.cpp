// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/commands.hpp"
#include "cli/output.hpp"

#include <muster/balancer.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <variant>

namespace muster::cli {
namespace {

using namespace asio::experimental::awaitable_operators;

bool about_an_instance(const change& c) {
    return c.what != change::kind::stale && c.what != change::kind::fresh && c.what != change::kind::rejected;
}

json::object describe(const change& c) {
    json::object o;
    o["event"] = to_string(c.what);
    if (about_an_instance(c)) {
        append(o, to_json(c.instance, secrets::hide));
        o["role"] = to_string(c.role);
    }
    if (!c.path.empty()) o["path"] = c.path;
    if (!c.reason.empty()) o["reason"] = c.reason;
    return o;
}

std::string describe_for_people(const change& c) {
    if (about_an_instance(c)) {
        return fmt::format("{:<8}  {:<6}  {:<21}  weight {:<5}  {}", to_string(c.what), to_string(c.role),
                           printable(address_of(c.instance)), c.instance.weight, printable(c.path));
    }
    switch (c.what) {
        case change::kind::stale:
            return "stale     changes may be missed from now on";
        case change::kind::fresh:
            return "fresh     the view is complete";
        default:
            return fmt::format("rejected  {}: {}", printable(c.path), printable(c.reason));
    }
}

/// Why nothing is known of the service; nothing where that was told already, or is known.
std::string reason_for_silence(const environment& env, const service_view& v) {
    if (v.known || v.last_error == registry_errc::no_chroot) return {};
    return v.last_error.category() == zk::server_category() ? unreadable(env.options, v.last_error) : not_in_full(env.options);
}

/// Says why there is nothing to see, where that is known, if nothing is by `then`; again when it is another reason, since a
/// server may be slow to answer that it forbids. Never completes, but with an exception.
asio::awaitable<int> explain_silence(environment& env, balancer& lb, runtime::time_point then) {
    std::string told;
    for (;; then = env.world.now() + std::max<runtime::duration>(*env.options.wait, std::chrono::seconds(1))) {
        co_await wait_until(env, then);
        const service_view v = lb.view(env.options.service).value();
        if (v.known) break;
        std::string reason = reason_for_silence(env, v);
        if (reason.empty() || reason == told) continue;
        diagnose(reason + "; waiting for it");
        told = std::move(reason);
    }
    co_await forever(env);
    co_return exit_failed;
}

asio::awaitable<int> show(environment& env, change_stream& changes) {
    for (;;) {
        const change c = co_await changes.next(asio::use_awaitable);
        if (env.json)
            print_json(describe(c));
        else
            print_text(describe_for_people(c));
        const bool written = co_await printed(env);
        if (!written) throw output_lost();
    }
}

asio::awaitable<int> follow(environment& env, zk::client client, balancer& lb, change_stream& changes) {
    const auto then = env.world.now() + *env.options.wait;
    const bool reached = co_await reach(env, client, *env.options.wait);
    if (!reached) co_return exit_not_reached;
    const bool rooted = co_await has_chroot(client);
    if (!rooted) diagnose(no_chroot(env.options) + "; waiting for it");
    const auto never = co_await (guarded(show(env, changes)) || guarded(explain_silence(env, lb, then)));
    co_return std::visit([](int code) { return code; }, never);
}

}    // namespace

asio::awaitable<int> run_watch(environment& env) {
    print_in_background();    // so that signals end it where its output is not read
    asio::signal_set signals(env.io);
    heed(signals, {SIGINT, SIGTERM});
    zk::client client(env.io, env.options.zk);
    balancer_params params;
    params.prefix = env.options.prefix;
    balancer lb(client, std::move(params));
    change_stream changes = lb.changes(env.options.service).value();
    const auto first = co_await (guarded(follow(env, client, lb, changes)) || next_signal(signals));
    if (first.index() == 0) co_return std::get<0>(first);
    co_await leave(env, client);
    co_return exit_done;
}

}    // namespace muster::cli
