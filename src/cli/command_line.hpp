// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The options of all commands, as they are declared to CLI11 and told by --help.
#pragma once

#include "cli/options.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <cstddef>
#include <string>

namespace muster::cli {

/// The options as they were written.
struct raw_options {
    std::string zk, prefix = "micro-service", layout = "micro_service", session_timeout = "10s";
    std::string service, wait = "5s";
    std::string ip, port, weight, unique_code, user, drain;
    std::string policy = "roundrobin", pool = "normals_then_master", key, count = "1";
    std::string bind = "127.0.0.1", tick = "100ms", min_session_timeout = "100ms", max_session_timeout = "10m", data_dir;
    std::string tls_ca, tls_cert, tls_key, tls_server_name;
    std::string sasl_user, sasl_server_name;
    bool kerberos = false;
    bool tls = false, tls_no_verify = false, tls_no_verify_host = false;
    std::string log_level;
    bool json = false;
    bool verbose = false;
};

struct command_line {
    CLI::App app;
    raw_options raw;
    std::array<CLI::App*, 7> commands{};    // in the order of the enum

    command_line();
    CLI::App& add(command c, const std::string& name, const std::string& description);
    /// One that talks to a ZooKeeper.
    CLI::App& add_client(command c, const std::string& name, const std::string& description);
    void add_tls(CLI::App& a);
    void add_sasl(CLI::App& a);
    void add_zk();
    CLI::App& operator[](command c) { return *commands[static_cast<std::size_t>(c)]; }
    void add_service(CLI::App& a, bool required);
    void add_wait(CLI::App& a, const std::string& for_what);
};

}    // namespace muster::cli
