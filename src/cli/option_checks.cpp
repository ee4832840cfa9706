// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the values of options mean, and what is said of those that mean nothing.
#include "cli/option_checks.hpp"

#include "cli/output.hpp"
#include "cli/values.hpp"
#include "registry/instance_check.hpp"
#include "registry/layout.hpp"
#include "registry/text.hpp"
#include "runtime/sasl.hpp"
#include "runtime/tls_credentials.hpp"

#include <boost/asio/ip/address.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

namespace muster::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t most_picks = 1'000'000;

template <class T>
T checked(result<T> r) {
    if (!r) throw usage_error(r.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*r);
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
        o.security_arguments.insert(o.security_arguments.end(), {name, value});
    };
    take("--tls-ca", raw.tls_ca, t.ca_file);
    take("--tls-cert", raw.tls_cert, t.certificate_chain_file);
    take("--tls-key", raw.tls_key, t.private_key_file);
    take("--tls-server-name", raw.tls_server_name, t.server_name);
    const auto flag = [&](const char* name, bool on) {
        if (on) o.security_arguments.emplace_back(name);
        return on;
    };
    flag("--tls", raw.tls);
    t.verify_host_name = !flag("--tls-no-verify-host", raw.tls_no_verify_host);
    t.verify_peer = !flag("--tls-no-verify", raw.tls_no_verify);
    if (o.security_arguments.empty()) return;
    if (o.own_zookeeper)
        throw usage_error(fmt::format("{} needs --zk: the embedded server has no TLS", o.security_arguments.front()));
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

/// SASL, if any option asks for it.
void check_sasl(options& o, const raw_options& raw, const CLI::App& a) {
    const bool digest = a.count("--sasl-user") != 0;
    const bool named = a.count("--sasl-server-name") != 0;
    if (named && raw.sasl_server_name.empty()) throw usage_error("--sasl-server-name is empty: expected a value");
    if (!digest && !raw.kerberos) {
        if (named) throw usage_error("--sasl-server-name needs --sasl-user or --kerberos");
        return;
    }
    const char* option = digest ? "--sasl-user" : "--kerberos";
    if (digest && raw.kerberos) throw usage_error("--sasl-user and --kerberos: expected one of them");
    if (o.own_zookeeper) throw usage_error(fmt::format("{} needs --zk: the embedded server has no SASL", option));
    if (!runtime::has_sasl()) throw usage_error(fmt::format("{}: this muster was built without SASL (-Dsasl=enabled)", option));
    auto& s = o.zk.sasl.emplace();
    s.server_name = raw.sasl_server_name;
    if (named) o.security_arguments.insert(o.security_arguments.end(), {"--sasl-server-name", raw.sasl_server_name});
    if (raw.kerberos) {
        s.mechanism = zk::sasl_mechanism::gssapi;
        o.security_arguments.emplace_back(option);
        return;
    }
    if (raw.sasl_user.empty()) throw usage_error("--sasl-user is empty: expected a value");
    s.user = raw.sasl_user;
    if (const char* password = std::getenv("MUSTER_SASL_PASSWORD")) s.password = password;
    if (s.password.empty())
        throw usage_error(fmt::format("--sasl-user '{}': expected the password in $MUSTER_SASL_PASSWORD", raw.sasl_user));
    o.security_arguments.insert(o.security_arguments.end(), {option, raw.sasl_user});
}

}    // namespace

options check(command what, const CLI::App& a, raw_options raw, std::vector<std::string> program) {
    options o;
    o.what = what;
    o.json = raw.json;
    if (what == command::zk) {
        check_server(o, raw, a);
        return o;
    }
    const bool has_service = a.get_option_no_throw("--service") && a.count("--service") > 0;
    if (!has_service && what != command::demo && what != command::ls)
        throw usage_error("--service is required: expected the name of a service");
    o.program = std::move(program);
    o.own_zookeeper = what == command::demo && a.count("--zk") == 0;
    if (a.count("--zk") == 0) {
        const char* set = std::getenv("MUSTER_ZK");
        raw.zk = set && *set && what != command::demo ? set : "127.0.0.1:2181";
    }
    if (what == command::demo && a.count("--session-timeout") == 0) raw.session_timeout = "1s";
    o.zk.servers = checked(zk::connect_string::parse(raw.zk));
    o.zk.max_reply = 64 * 1024 * 1024;    // a list of all that people have put there
    o.zk.session_timeout = checked(parse_duration("--session-timeout", raw.session_timeout, milliseconds(1)));
    check_tls(o, raw, a);
    check_sasl(o, raw, a);
    check_logging(o, raw, a);
    o.prefix = raw.prefix;
    checked(validate_prefix(o.prefix));
    if (const auto known = registry::make_micro_service_layout()->name(); raw.layout != known)
        throw usage_error(fmt::format("layout {}: expected {}", registry::quoted(raw.layout), known));

    if (has_service) {
        o.service = raw.service;
        checked(validate_name(o.service, "service name"));
    }
    if (a.get_option_no_throw("--wait") && (what != command::registration || a.count("--wait") > 0))
        o.wait = checked(parse_duration("--wait", raw.wait, milliseconds(1)));
    if (what == command::registration) check_instance(o, raw, a);
    if (what == command::registration && a.count("--drain") > 0)
        o.drain = checked(parse_duration("--drain", raw.drain, milliseconds(1)));
    if (what == command::pick) check_pick(o, raw);
    return o;
}

}    // namespace muster::cli
