// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

namespace muster::cli {
namespace {

constexpr const char* version_text = "muster " MUSTER_VERSION;

}    // namespace

CLI::App& command_line::add(command c, const std::string& name, const std::string& description) {
    CLI::App& a = *app.add_subcommand(name, description);
    commands[static_cast<std::size_t>(c)] = &a;
    a.allow_extras();    // `parse_options` says what is wrong with them
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
    add_sasl(a);
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

void command_line::add_sasl(CLI::App& a) {
    const char* group = "SASL";
    a.add_option("--sasl-user", raw.sasl_user, "be this user by DIGEST-MD5; the password is taken from $MUSTER_SASL_PASSWORD")
        ->type_name("NAME")
        ->group(group);
    a.add_flag("--kerberos", raw.kerberos, "be who the Kerberos tickets say (KRB5CCNAME, KRB5_CLIENT_KTNAME)")->group(group);
    a.add_option("--sasl-server-name", raw.sasl_server_name, "what the servers call themselves, if not as usual")
        ->type_name("NAME")
        ->group(group);
}

void command_line::add_zk() {
    CLI::App& z = add(command::zk, "zk", "Runs the embedded ZooKeeper server until SIGINT or SIGTERM");
    z.add_option("--port", raw.port, "port to listen on; 0: any free one [2181]")->type_name("PORT");
    z.add_option("--bind", raw.bind, "IP address to listen on [127.0.0.1]")->type_name("ADDRESS");
    z.add_option("--tick", raw.tick, "sessions expire at multiples of it [100ms]")->type_name("TIME");
    z.add_option("--min-session-timeout", raw.min_session_timeout, "shortest that a client gets [100ms]")->type_name("TIME");
    z.add_option("--max-session-timeout", raw.max_session_timeout, "longest that a client gets [10m]")->type_name("TIME");
    z.add_option("--data-dir", raw.data_dir, "refused: everything is in memory")->type_name("FOLDER");
    z.footer(
        "For tests and development. Everything is in memory and gone when it ends: there is no data directory. For data that\n"
        "lasts, and for production, run Apache ZooKeeper. It knows no TLS and no SASL, and answers the words ruok, srvr, isro\n"
        "and mntr, whose latencies are 0. Where the port is taken, --port 0 finds another one; MUSTER_ZK tells the others of\n"
        "it. With --bind 0.0.0.0 or :: everybody who reaches the machine may connect; the address shown is of this one.\n"
        "Started by a script with &, it is ended by SIGTERM: shells have such programs ignore SIGINT.");
}

void command_line::add_service(CLI::App& a, bool required) {
    a.add_option("--service", raw.service, required ? "name of the service; required" : "name of the service")->type_name("NAME");
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
        "Exit code: 0 done, 1 failed, 2 wrong usage, 3 nothing found in time, or the chroot is missing,\n"
        "4 ZooKeeper not reached in time, or it does not let us in.\n"
        "Environment: MUSTER_ZK stands for --zk, but for demo; MUSTER_TLS_KEY_PASSWORD opens --tls-key;\n"
        "MUSTER_SASL_PASSWORD is that of --sasl-user, MUSTER_USERPWD that of --user; NO_COLOR turns colours off.");

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
    r.add_option("--drain", raw.drain, "at the signal that ends it, say so long that others are to get the work [not at all]")
        ->type_name("TIME");
    r.footer(
        "muster register ... -- COMMAND ARGS runs a command, registered for as long as it lives, and its exit code is the\n"
        "command's. It starts at once, whether ZooKeeper is reached or not; where --wait passes before it is registered it is\n"
        "ended, and the exit code is 4, 3 or 1. SIGINT and SIGTERM end both, with all that the command has started; SIGTSTP\n"
        "stops them until SIGCONT, but nothing where no shell is there to send that; SIGQUIT and SIGWINCH are passed on to\n"
        "them, and SIGHUP when the terminal\n"
        "is gone; any other SIGHUP, SIGUSR1, SIGUSR2 and SIGALRM go to the command alone. A signal that is not named here\n"
        "is not passed on; where muster dies of it the command is killed, without what it has started. The command's input is\n"
        "ours, unless that is a terminal.\n"
        "Without a command, SIGHUP and SIGQUIT end it in order, too, and being ended before it was ever registered is exit\n"
        "code 1. A signal that is ignored when it is started, as by nohup, stays ignored, by the command as well.\n"
        "With --drain the first signal that ends it (SIGINT, SIGTERM; without a command SIGHUP and SIGQUIT, too) publishes the\n"
        "state `draining`: balancers then pick others, if there are any, and tell those who hold connections. The end begins\n"
        "when the time is over, at a second such signal, or with the command's own end.\n"
        "JSON has an object per event. `event` is registered (with role and path), role (with role; none: not registered any\n"
        "more), session (with state: connected, suspended, expired), draining, or closed, at the end.\n"
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

    CLI::App& l = add_client(command::ls, "ls", "Lists the services with their znodes, counted by name, or the instances of one");
    add_service(l, false);
    add_wait(l, "how long to wait for ZooKeeper [5s]");
    l.footer(
        "Of the instances of one service it shows what a balancer knows of them (balancer::describe): in tables role, address,\n"
        "weight, state (its condition for picks, `held back`, and what it says of itself), open leases, and how many are in\n"
        "which pool; in JSON the keys of the znode, then role, path, czxid, stale, identity, address, condition, ejections,\n"
        "held_back, latency and all counts. The command is a balancer of its own and makes no calls: counts of a running\n"
        "program are to be had from its describe(). Nothing to list gives exit code 3. Passwords are not shown.");

    CLI::App& w = add_client(command::watch, "watch", "Shows changes of a service as they come, until SIGINT or SIGTERM");
    add_service(w, true);
    add_wait(w, "how long to wait for ZooKeeper at first [5s]");
    w.footer(
        "JSON has an object per change. `event` is added, removed, updated or role (with the keys of the znode, role and path),\n"
        "stale (changes may be missed from now on), fresh (the view is complete), or rejected (with path and reason).\n"
        "A chroot that is missing is told, and waited for. Passwords are not shown.");

    add_zk();
}

}    // namespace muster::cli
