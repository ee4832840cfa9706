// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/options.hpp"

#include "cli/output.hpp"
#include "cli/values.hpp"
#include "registry/instance_check.hpp"
#include "registry/layout.hpp"
#include "registry/text.hpp"
#include "runtime/tls_credentials.hpp"

#include <boost/asio/ip/address.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace muster::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* version_text = "muster " MUSTER_VERSION;
constexpr std::uint32_t most_picks = 1'000'000;

/// A value that the command cannot work with.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class T>
T checked(result<T> r) {
    if (!r) throw usage_error(r.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// The options as they were written.
struct raw_options {
    std::string zk, prefix = "micro-service", layout = "micro_service", session_timeout = "10s";
    std::string service, wait = "5s";
    std::string ip, port, weight, unique_code, user;
    std::string policy = "roundrobin", pool = "normals_then_master", key, count = "1";
    std::string bind = "127.0.0.1", tick = "100ms", min_session_timeout = "100ms", max_session_timeout = "10m", data_dir;
    std::string tls_ca, tls_cert, tls_key, tls_server_name;
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
    void add_zk();
    CLI::App& operator[](command c) { return *commands[static_cast<std::size_t>(c)]; }
    void add_service(CLI::App& a, bool required);
    void add_wait(CLI::App& a, const std::string& for_what);
};

CLI::App& command_line::add(command c, const std::string& name, const std::string& description) {
    CLI::App& a = *app.add_subcommand(name, description);
    commands[static_cast<std::size_t>(c)] = &a;
    a.add_flag(
        "--json", raw.json,
        c == command::demo ? "JSON, one object per line" : "JSON, one object per line; so it is where output is no terminal");
    return a;
}

CLI::App& command_line::add_client(command c, const std::string& name, const std::string& description) {
    CLI::App& a = add(c, name, description);
    a.add_option("--zk", raw.zk,
                 c == command::demo ? "ZooKeeper's connect string; without it the demo has the embedded server"
                                    : "ZooKeeper's connect string, host:port,host:port/chroot [$MUSTER_ZK, else 127.0.0.1:2181]")
        ->type_name("HOSTS");
    a.add_option("--prefix", raw.prefix, "first component of the path [micro-service]")->type_name("NAME");
    a.add_option("--layout", raw.layout, "how instances are written: micro_service [micro_service]")->type_name("NAME");
    a.add_option("--session-timeout", raw.session_timeout,
                 c == command::demo ? "as in 500ms, 10s, 2m [1s]" : "as in 500ms, 10s, 2m [10s]")
        ->type_name("TIME");
    add_tls(a);
    a.add_option("--log-level", raw.log_level, "what the client tells on standard error: debug, info, warning, error, off [off]")
        ->type_name("LEVEL");
    a.add_flag("--verbose", raw.verbose, "the same as --log-level debug");
    return a;
}

void command_line::add_tls(CLI::App& a) {
    const char* group = "TLS (each of these turns it on)";
    a.add_flag("--tls", raw.tls, "with the authorities that the system trusts")->group(group);
    const auto add = [&](const char* name, std::string& value, const char* type, const char* what) {
        a.add_option(name, value, what)->type_name(type)->group(group);
    };
    add("--tls-ca", raw.tls_ca, "FILE", "trust the authorities of this PEM file only");
    add("--tls-cert", raw.tls_cert, "FILE", "certificate to show, and its chain (PEM)");
    add("--tls-key", raw.tls_key, "FILE", "its private key (PEM); a password is taken from $MUSTER_TLS_KEY_PASSWORD");
    add("--tls-server-name", raw.tls_server_name, "NAME", "verify the servers by this name, not as --zk names them");
    a.add_flag("--tls-no-verify-host", raw.tls_no_verify_host, "any name will do")->group(group);
    a.add_flag("--tls-no-verify", raw.tls_no_verify, "any certificate will do: anybody can pose as the server")->group(group);
}

void command_line::add_zk() {
    CLI::App& z = add(command::zk, "zk", "Runs the embedded ZooKeeper server until SIGINT or SIGTERM");
    z.add_option("--port", raw.port, "port to listen on; 0: any free one [2181]")->type_name("PORT");
    z.add_option("--bind", raw.bind, "IP address to listen on [127.0.0.1]")->type_name("ADDRESS");
    z.add_option("--tick", raw.tick, "sessions expire at multiples of it [100ms]")->type_name("TIME");
    z.add_option("--min-session-timeout", raw.min_session_timeout, "shortest that a client gets [100ms]")->type_name("TIME");
    z.add_option("--max-session-timeout", raw.max_session_timeout, "longest that a client gets [10m]")->type_name("TIME");
    z.add_option("--data-dir", raw.data_dir, "not there: see below")->type_name("FOLDER");
    z.footer(
        "For tests and development. Everything is in memory and gone when it ends: there is no data directory. For data that\n"
        "lasts, and for production, run Apache ZooKeeper.");
}

void command_line::add_service(CLI::App& a, bool required) {
    a.add_option("--service", raw.service, "name of the service")->type_name("NAME")->required(required);
}

void command_line::add_wait(CLI::App& a, const std::string& for_what) {
    a.add_option("--wait", raw.wait, for_what)->type_name("TIME");
}

command_line::command_line() : app("muster: calls the roll of a service's instances, and picks one", "muster") {
    app.set_version_flag("--version", version_text);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::simple);
    app.footer(
        "muster COMMAND --help tells more of each.\n"
        "Exit code: 0 done, 1 failed, 2 wrong usage, 3 nothing found in time, 4 ZooKeeper not reached.\n"
        "Environment: MUSTER_ZK stands for --zk; MUSTER_TLS_KEY_PASSWORD opens --tls-key; NO_COLOR turns colours off.");

    CLI::App& d = add_client(command::demo, "demo", "The tour: register, elect, pick, fail over");
    d.footer(
        "On a ZooKeeper that is there it registers a service of its own, demo-PID, and removes it in the end.\n"
        "Environment: NO_COLOR turns colours off.");

    CLI::App& r = add_client(command::registration, "register", "Keeps an instance registered until SIGINT or SIGTERM");
    add_service(r, true);
    r.add_option("--ip", raw.ip, "address or host name where the instance serves")->type_name("ADDRESS");
    r.add_option("--port", raw.port, "port where it serves, 1 to 65535")->type_name("PORT");
    r.add_option("--weight", raw.weight, "1 to 65535 [1]")->type_name("N");
    r.add_option("--unique-code", raw.unique_code, "identity that survives a change of address [ADDRESS:PORT]")
        ->type_name("CODE");
    r.add_option("--user", raw.user, "user name for callers; its password is taken from $MUSTER_USERPWD")->type_name("NAME");
    add_wait(r, "give up if not registered by then [for ever]");
    r.footer(
        "muster register ... -- COMMAND ARGS runs a command, registered for as long as it lives: SIGINT and SIGTERM end both,\n"
        "other signals are passed on, and the exit code is the command's. Its input is ours, unless that is a terminal.\n"
        "Without a command, being ended before it was ever registered is exit code 1.\n"
        "An instance needs --ip and --port, or --unique-code.");

    CLI::App& p = add_client(command::pick, "pick", "Picks instances of a service");
    add_service(p, true);
    std::vector<std::string_view> policies;
    for (const policy each : all_policies()) policies.push_back(to_string(each));
    p.add_option("--policy", raw.policy, fmt::format("{} [roundrobin]", fmt::join(policies, ", ")))->type_name("NAME");
    p.add_option("--key", raw.key, "what the hash policies (iphash, urlhash, ringhash, maglev, rendezvous, boundedhash) hash")
        ->type_name("TEXT");
    p.add_option("--pool", raw.pool, "normals_then_master, normals, all, master [normals_then_master]")->type_name("NAME");
    p.add_option("-n", raw.count, "how many picks [1]")->type_name("COUNT");
    add_wait(p, "how long to wait for an instance [5s]");
    p.footer("JSON shows the whole instance, with the password (userpwd) that its callers may need. Tables do not.");

    CLI::App& m = add_client(command::master, "master", "Shows the master of a service");
    add_service(m, true);
    add_wait(m, "how long to wait for a master [5s]");
    m.footer("JSON shows the whole instance, with the password (userpwd) that its callers may need. Tables do not.");

    CLI::App& l = add_client(command::ls, "ls", "Lists the services, or the instances of one");
    add_service(l, false);
    add_wait(l, "how long to wait for ZooKeeper [5s]");
    l.footer(
        "Of the instances of one service it shows what a balancer knows of them (balancer::describe): in tables role, address, "
        "weight,\n"
        "state (its condition for picks, and what it says of itself), open leases, and how many are in which pool; in JSON the\n"
        "keys of the znode, then role, path, czxid, stale, identity, address, condition, ejections, latency and all counts. The\n"
        "command is a balancer of its own and makes no calls: counts of a running program are to be had from its describe().\n"
        "Nothing to list gives exit code 3. Passwords are not shown.");

    CLI::App& w = add_client(command::watch, "watch", "Shows changes of a service as they come, until SIGINT or SIGTERM");
    add_service(w, true);
    add_wait(w, "how long to wait for ZooKeeper at first [5s]");
    w.footer("Passwords are not shown.");

    add_zk();
}

void check_instance(options& o, const raw_options& raw, const CLI::App& a) {
    o.instance.ip = raw.ip;
    if (a.count("--port") > 0) o.instance.port = static_cast<std::uint16_t>(checked(parse_number("--port", raw.port, 1, 65535)));
    if (a.count("--weight") > 0) o.instance.weight = checked(parse_number("--weight", raw.weight, 1, max_weight));
    o.instance.unique_code = raw.unique_code;
    o.instance.user = raw.user;
    if (const char* password = std::getenv("MUSTER_USERPWD"); password && !raw.user.empty()) o.instance.password = password;
    if (raw.ip.empty() && raw.unique_code.empty()) {
        throw usage_error(fmt::format("--ip {}: expected an address and a port (--ip, --port), or a unique code (--unique-code)",
                                      a.count("--ip") > 0 ? "is empty" : "is missing"));
    }
    if (!raw.ip.empty() && a.count("--port") == 0)
        throw usage_error(fmt::format("--port is missing beside --ip {}: expected 1 to 65535", registry::quoted(raw.ip)));
    registry::field_names names;
    names.ip = "--ip";
    names.unique_code = "--unique-code";
    names.user = "--user";
    names.password = "$MUSTER_USERPWD";
    checked(registry::check_instance(o.instance, names));
}

void check_logging(options& o, const raw_options& raw, const CLI::App& a) {
    const bool named = a.count("--log-level") > 0;
    if (!named && !raw.verbose) return;
    const auto level = named ? zk::parse_log_level(raw.log_level) : zk::log_level::debug;
    if (!level) {
        throw usage_error(
            fmt::format("--log-level {}: expected debug, info, warning, error or off", registry::quoted(raw.log_level)));
    }
    o.zk.log_level = *level;
    o.zk.log = [](const zk::log_record& r) { diagnose(fmt::format("{}: {}", zk::to_string(r.level), zk::to_string(r))); };
}

void check_pick(options& o, const raw_options& raw) {
    o.policy = checked(parse_policy(raw.policy));
    o.pool = checked(parse_pool(raw.pool));
    o.key = raw.key;
    o.count = checked(parse_number("-n", raw.count, 1, most_picks));
    if (needs_key(o.policy) && raw.key.empty())
        throw usage_error(fmt::format("policy '{}' needs a key to hash: expected --key TEXT", to_string(o.policy)));
}

void check_server(options& o, const raw_options& raw, const CLI::App& a) {
    if (a.count("--data-dir") > 0)
        throw usage_error(
            "--data-dir: the embedded server keeps everything in memory, and has no data directory; for data that lasts, run "
            "Apache ZooKeeper");
    o.server.port = 2181;
    if (a.count("--port") > 0) o.server.port = static_cast<std::uint16_t>(checked(parse_number("--port", raw.port, 0, 65535)));
    error_code not_an_address;
    boost::asio::ip::make_address(raw.bind, not_an_address);
    if (not_an_address)
        throw usage_error(
            fmt::format("--bind {}: expected an IP address, as in 127.0.0.1, 0.0.0.0 or ::1", registry::quoted(raw.bind)));
    o.server.address = raw.bind;
    o.server.tick = checked(parse_duration("--tick", raw.tick, milliseconds(1)));
    o.server.min_session_timeout = checked(parse_duration("--min-session-timeout", raw.min_session_timeout, milliseconds(1)));
    o.server.max_session_timeout = checked(parse_duration("--max-session-timeout", raw.max_session_timeout, milliseconds(1)));
    if (o.server.min_session_timeout > o.server.max_session_timeout)
        throw usage_error(fmt::format("--min-session-timeout {} is longer than --max-session-timeout {}", raw.min_session_timeout,
                                      raw.max_session_timeout));
}

/// TLS, if any option asks for it. The files are tried: a mistake in them is one in the command line.
void check_tls(options& o, const raw_options& raw, const CLI::App& a) {
    zk::tls_options t;
    const auto take = [&](const char* name, const std::string& value, std::string& into) {
        if (a.count(name) == 0) return;
        if (value.empty()) throw usage_error(fmt::format("{} is empty: expected a value", name));
        into = value;
        o.tls_arguments.insert(o.tls_arguments.end(), {name, value});
    };
    take("--tls-ca", raw.tls_ca, t.ca_file);
    take("--tls-cert", raw.tls_cert, t.certificate_chain_file);
    take("--tls-key", raw.tls_key, t.private_key_file);
    take("--tls-server-name", raw.tls_server_name, t.server_name);
    const auto flag = [&](const char* name, bool on) {
        if (on) o.tls_arguments.emplace_back(name);
        return on;
    };
    flag("--tls", raw.tls);
    t.verify_host_name = !flag("--tls-no-verify-host", raw.tls_no_verify_host);
    t.verify_peer = !flag("--tls-no-verify", raw.tls_no_verify);
    if (o.tls_arguments.empty()) return;
    if (o.own_zookeeper) throw usage_error(fmt::format("{} needs --zk: the embedded server has no TLS", o.tls_arguments.front()));
    if (const char* password = std::getenv("MUSTER_TLS_KEY_PASSWORD")) t.key_password = password;
    runtime::tls_names names;
    names.ca_file = "--tls-ca";
    names.certificate_chain_file = "--tls-cert";
    names.private_key_file = "--tls-key";
    names.key_password = "$MUSTER_TLS_KEY_PASSWORD";
    names.server_name = "--tls-server-name";
    checked(runtime::tls_credentials(t, std::move(names)).current());
    o.zk.tls = std::move(t);
}

options check(command what, const CLI::App& a, raw_options raw, std::vector<std::string> program) {
    options o;
    o.what = what;
    o.json = raw.json;
    if (what == command::zk) {
        check_server(o, raw, a);
        return o;
    }
    o.program = std::move(program);
    o.own_zookeeper = what == command::demo && a.count("--zk") == 0;
    if (a.count("--zk") == 0) {
        const char* set = std::getenv("MUSTER_ZK");
        raw.zk = set && *set && what != command::demo ? set : "127.0.0.1:2181";
    }
    if (what == command::demo && a.count("--session-timeout") == 0) raw.session_timeout = "1s";
    o.zk.servers = checked(zk::connect_string::parse(raw.zk));
    o.zk.session_timeout = checked(parse_duration("--session-timeout", raw.session_timeout, milliseconds(1)));
    check_tls(o, raw, a);
    check_logging(o, raw, a);
    o.prefix = raw.prefix;
    checked(validate_prefix(o.prefix));
    if (const auto known = registry::make_micro_service_layout()->name(); raw.layout != known)
        throw usage_error(fmt::format("layout {}: expected {}", registry::quoted(raw.layout), known));

    if (a.get_option_no_throw("--service") && a.count("--service") > 0) {
        o.service = raw.service;
        checked(validate_name(o.service, "service name"));
    }
    if (a.get_option_no_throw("--wait") && (what != command::registration || a.count("--wait") > 0))
        o.wait = checked(parse_duration("--wait", raw.wait, milliseconds(0)));
    if (what == command::registration) check_instance(o, raw, a);
    if (what == command::pick) check_pick(o, raw);
    return o;
}

exit_code complain(std::string_view where, std::string_view message) {
    fmt::print(stderr, "{}: {}\nSee {} --help.\n", where, message, where);
    return exit_usage;
}

/// What stands before `--`, last one first as CLI11 wants it, and what stands behind.
struct arguments {
    std::vector<std::string> ours, program;
    bool separated = false;
};

arguments split(int argc, const char* const* argv) {
    arguments a;
    for (int i = 1; i < argc; ++i) {
        const std::string_view arg = argv[i];
        if (a.separated) {
            a.program.emplace_back(arg);
        } else if (arg == "--") {
            a.separated = true;
        } else if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
            // CLI11 would take the next argument for the value of `--name=`.
            a.ours.emplace_back(arg.substr(0, arg.size() - 1));
            a.ours.emplace_back();
        } else {
            a.ours.emplace_back(arg);
        }
    }
    std::reverse(a.ours.begin(), a.ours.end());
    return a;
}

}    // namespace

std::variant<options, exit_code> parse_options(int argc, const char* const* argv) {
    command_line line;
    arguments args = split(argc, argv);
    if (args.ours.empty()) {
        fmt::print(stderr, "{}", line.app.help());
        return exit_usage;
    }
    std::vector<std::string> names;
    for (const CLI::App* each : line.commands) names.push_back(each->get_name());
    if (const std::string& first = args.ours.back();
        !first.starts_with('-') && std::find(names.begin(), names.end(), first) == names.end()) {
        return complain("muster",
                        fmt::format("no command is named {}; there are {}", registry::quoted(first), fmt::join(names, ", ")));
    }
    std::string where = "muster";
    try {
        line.app.parse(args.ours);
    } catch (const CLI::Success& e) {    // help or version
        line.app.exit(e);
        return exit_done;
    } catch (const CLI::ParseError& e) {
        for (const CLI::App* each : line.commands) {
            if (each->parsed()) where += " " + each->get_name();
        }
        return complain(where, e.what());
    }
    for (std::size_t i = 0; i < line.commands.size(); ++i) {
        const CLI::App& a = *line.commands[i];
        if (!a.parsed()) continue;
        where += " " + a.get_name();
        const auto what = static_cast<command>(i);
        if (args.separated && what != command::registration) return complain(where, "only register takes '--' and a command");
        if (args.separated && args.program.empty()) return complain(where, "nothing after '--': expected a command");
        try {
            return check(what, a, line.raw, std::move(args.program));
        } catch (const usage_error& e) {
            return complain(where, e.what());
        }
    }
    return exit_usage;
}

}    // namespace muster::cli
