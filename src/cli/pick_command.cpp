// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/values.hpp"

#include <muster/balancer.hpp>

#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::cli {
namespace {

/// What is wrong, and how the command ends for it.
struct verdict {
    exit_code code;
    std::string message;
};

/// What the service has instead of instances, as an end of a sentence; nothing if it has nothing.
std::string instead(const std::vector<rejected_node>& rejected) {
    if (rejected.empty()) return {};
    const rejected_node& first = rejected.front();
    return fmt::format("; {} of its znodes {} no usable instance, as '{}': {}", rejected.size(),
                       rejected.size() == 1 ? "is" : "are", printable(first.path), printable(first.reason));
}

verdict judge(const options& o, const error_code& ec, const zk::session_info& session,
              const std::vector<rejected_node>& rejected) {
    // No view of the service has come: who asks has not learned that it has no instance.
    if (ec == registry_errc::registry_unavailable || ec == registry_errc::timed_out || ec == registry_errc::unknown_service)
        return {exit_not_reached, not_reached(o, *o.wait, session)};
    if (ec == registry_errc::no_chroot) return {exit_nothing_found, no_chroot(o)};
    if (ec == registry_errc::no_instances || ec == registry_errc::no_master) {
        const auto pool = o.what == command::master ? pool::master : o.pool;
        const auto wanted = pool == pool::master ? "master" : pool == pool::normals ? "normal instance" : "instance";
        return {exit_nothing_found,
                fmt::format("service '{}' below '/{}' has no {} within {}", o.service, o.prefix, wanted, to_text(*o.wait)) +
                    instead(rejected)};
    }
    return {exit_failed, fmt::format("service '{}': {}", o.service, ec.message())};
}

void print_leases(bool json, const std::vector<lease>& leases) {
    table rows({"ROLE", "ADDRESS", "WEIGHT", "UNIQUE CODE"});
    for (const lease& l : leases) {
        if (!json) {
            rows.add({to_string(l.role()), printable(address_of(*l)), std::to_string(l->weight), printable(l->unique_code)});
            continue;
        }
        json::object o = to_json(*l, secrets::show);
        o["role"] = to_string(l.role());
        o["czxid"] = l.czxid();
        print_json(o);
    }
    if (!json) rows.print();
}

/// Picks `count` instances, keeps the leases meanwhile as a program under load does, and prints them.
asio::awaitable<int> pick_and_print(environment& env, std::size_t count, pick_options how) {
    zk::client client(env.io, env.options.zk);
    balancer_params params;
    params.prefix = env.options.prefix;
    balancer lb(client, std::move(params));
    std::vector<lease> leases;
    std::optional<verdict> wrong;
    bool ready = false;
    while (leases.size() < count && !wrong) {
        try {
            lease l = co_await lb.pick(env.options.service, how);
            // A pick that waited has a turn of its own, which would not fit into the order of the others.
            if (std::exchange(ready, true) || count == 1) leases.push_back(std::move(l));
        } catch (const boost::system::system_error& e) {
            const auto seen = lb.view(env.options.service);
            wrong = judge(env.options, e.code(), client.session(), seen ? seen->rejected : std::vector<rejected_node>());
        }
    }
    if (!leases.empty()) print_leases(env.json, leases);
    if (wrong) diagnose(wrong->message);
    // Who has not answered so far need not hear of the end.
    if (!wrong || wrong->code != exit_not_reached) co_await leave(env, client);
    co_return wrong ? wrong->code : exit_done;
}

}    // namespace

asio::awaitable<int> run_pick(environment& env) {
    pick_options how;
    how.policy = env.options.policy;
    how.pool = env.options.pool;
    how.key = env.options.key;
    how.wait = env.options.wait;
    return pick_and_print(env, env.options.count, std::move(how));
}

asio::awaitable<int> run_master(environment& env) {
    pick_options how;
    how.pool = pool::master;
    how.wait = env.options.wait;
    return pick_and_print(env, 1, std::move(how));
}

}    // namespace muster::cli
