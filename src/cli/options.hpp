// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The command line, read and checked.
#pragma once

#include <muster/embedded_server.hpp>
#include <muster/instance.hpp>
#include <muster/policy.hpp>
#include <muster/zk/config.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace muster::cli {

/// How the command ends. Scripts rely on these.
enum exit_code : int {
    exit_done = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_nothing_found = 3,
    exit_not_reached = 4,
};

enum class command { demo, registration, pick, master, ls, watch, zk };

/// What to do. Every value is legal.
struct options {
    command what = command::demo;
    bool json = false;                              ///< Asked for; output decides.
    bool own_zookeeper = false;                     ///< For demo: no ensemble was named.
    zk::config zk;                                  ///< Servers, session timeout, TLS, SASL and log.
    std::vector<std::string> security_arguments;    ///< For TLS and SASL, as they were written: for who runs the command again.
    std::string prefix = "micro-service";
    std::string service;                              ///< Empty for demo, and for ls of all services.
    std::optional<std::chrono::milliseconds> wait;    ///< None: for ever.

    muster::instance instance;                         ///< For register.
    std::optional<std::chrono::milliseconds> drain;    ///< For register: how long others get the work before it ends.
    std::vector<std::string> program;                  ///< For register: what to run, with its arguments.

    muster::policy policy = policy::roundrobin;    ///< For pick, as the rest.
    muster::pool pool = pool::normals_then_master;
    std::string key;
    std::size_t count = 1;

    embedded_server_params server;    ///< For zk.
};

/// Reads the command line. Help, version and complaints are printed; the exit code is what remains then.
std::variant<options, exit_code> parse_options(int argc, const char* const* argv);

}    // namespace muster::cli
