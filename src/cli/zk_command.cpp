// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/commands.hpp"
#include "cli/output.hpp"

#include <muster/embedded_server.hpp>

#include <fmt/format.h>

#include <csignal>
#include <string>

namespace muster::cli {
namespace {

std::string listens_on(const embedded_server_params& p) {
    const bool v6 = p.address.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", p.address, p.port) : fmt::format("{}:{}", p.address, p.port);
}

}    // namespace

asio::awaitable<int> run_zk(environment& env) {
    print_in_background();    // its clients need not wait until its output is read
    asio::signal_set signals(env.io);
    heed(signals, {SIGINT, SIGTERM, SIGHUP});
    embedded_server server(env.io, env.options.server);
    error_code ec;
    server.start(ec);
    if (ec) {
        diagnose(fmt::format("cannot listen on {}: {}", listens_on(env.options.server), ec.message()));
        co_return exit_failed;
    }
    if (env.json)
        print_json({{"event", "serving"}, {"connect", server.connect_string()}});
    else
        print_text(
            fmt::format("ZooKeeper serves at {}, in memory: what is written is gone when it ends.", server.connect_string()));
    co_await next_signal(signals);
    server.stop();
    co_return exit_done;
}

}    // namespace muster::cli
