// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the command says without a ZooKeeper: help and wrong usage.
#include "integration/command_arguments.hpp"
#include "runtime/sasl.hpp"
#include "support/sanitized.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

std::string text(const command_result& r) {
    std::string all;
    for (const std::string& line : r.out) all += line + "\n";
    return all;
}

/// Wrong usage: exit 2, nothing on standard output, and a message with all of `parts`.
void check_usage(const strings& args, const strings& parts) {
    const auto r = run_muster(args);
    CAPTURE(boost::json::serialize(boost::json::value_from(args)));
    CAPTURE(r.err);
    CHECK(r.code == 2);
    CHECK(r.out.empty());
    for (const std::string& part : parts) {
        CAPTURE(part);
        CHECK(r.err.find(part) != std::string::npos);
    }
}

}    // namespace

TEST_CASE("help tells of every command and option of the contract, and of no other") {
    const auto all = run_muster({"--help"});
    CHECK(all.code == 0);
    CHECK(all.err.empty());
    for (const char* name : {"demo", "register", "pick", "master", "ls", "watch", "zk"})
        CHECK(text(all).find("\n  " + std::string(name)) != std::string::npos);
    for (const char* code : {"0 done", "1 failed", "2 wrong usage", "3 nothing found in time", "4 ZooKeeper not reached"})
        CHECK(text(all).find(code) != std::string::npos);

    const strings common{"--zk",
                         "--prefix",
                         "--layout",
                         "--session-timeout",
                         "--log-level",
                         "--verbose",
                         "--json",
                         "--tls",
                         "--tls-ca",
                         "--tls-cert",
                         "--tls-key",
                         "--tls-server-name",
                         "--tls-no-verify-host",
                         "--tls-no-verify",
                         "--sasl-user",
                         "--kerberos",
                         "--sasl-server-name"};
    const std::vector<std::pair<std::string, strings>> own{
        {"demo", {}},
        {"register", {"--service", "--ip", "--port", "--weight", "--unique-code", "--user", "--wait", "--drain", "-- COMMAND"}},
        {"pick", {"--service", "--policy", "--key", "--pool", "-n", "--wait"}},
        {"master", {"--service", "--wait"}},
        {"ls", {"--service", "--wait"}},
        {"watch", {"--service", "--wait"}},
    };
    for (const auto& [command, options] : own) {
        CAPTURE(command);
        const auto r = run_muster({command, "--help"});
        CHECK(r.code == 0);
        for (const std::string& option : with(common, options)) {
            CAPTURE(option);
            CHECK(text(r).find(option) != std::string::npos);
        }
    }
    CHECK(text(all).find("MUSTER_ZK") != std::string::npos);
    CHECK(text(run_muster({"demo", "--help"})).find("MUSTER_ZK") == std::string::npos);    // the demo does not heed it
    const auto zk = run_muster({"zk", "--help"});
    CHECK(zk.code == 0);
    for (const char* option : {"--port", "--bind", "--tick", "--min-session-timeout", "--max-session-timeout", "--json"})
        CHECK(text(zk).find(option) != std::string::npos);
    CHECK(text(zk).find("--zk") == std::string::npos);
    for (const char* policy : {"roundrobin", "weightroundrobin", "weightrandom", "iphash", "urlhash", "leastconnect, p2c"})
        CHECK(text(run_muster({"pick", "--help"})).find(policy) != std::string::npos);
}

TEST_CASE("help may be a word") {
    CHECK(run_muster({"help"}).out == run_muster({"--help"}).out);
    CHECK(run_muster({"help", "ls"}).out == run_muster({"ls", "--help"}).out);
    CHECK(run_muster({"help"}).code == 0);
}

TEST_CASE("version") {
    const auto r = run_muster({"--version"});
    CHECK(r.code == 0);
    CHECK(r.out == strings{"muster 0.1.0"});
}

TEST_CASE("wrong usage") {
    CHECK(run_muster({}).code == 2);
    check_usage({"frobnicate"}, {"'frobnicate'", "demo, register, pick, master, ls, watch, zk"});
    check_usage({"ls", "--frobnicate"}, {"--frobnicate", "muster ls --help"});
    check_usage({"ls", "extra"}, {"extra"});
    check_usage({"pick"}, {"--service", "required"});
    check_usage({"pick", "--service"}, {"--service"});
    check_usage({"pick", "--servcie", "s"}, {"'--servcie' is no option", "did you mean --service?"});
    check_usage({"pick", "s"}, {"'s' was not expected"});
    check_usage({"register", "--service", "s", "sleep", "1"}, {"'sleep' was not expected", "after '--'"});
    check_usage({"ls", "--frobnicate=1", "extra"}, {"'--frobnicate' is no option"});
    check_usage({"--verbose", "ls"}, {"expected a command before '--verbose'", "demo, register"});
    check_usage({"ls", "--json="}, {"--json takes no value"});
    check_usage({"ls", "--json=5"}, {"--json takes no value"});
    check_usage({"ls", "--json=false", "--verbose"}, {"--json takes no value"});
    check_usage({"pick", "--service", "s", "--service", "t"}, {"--service is given more than once ('s', 't')", "expected one"});
    check_usage(with(good_pick, {"--", "true"}), {"only register"});
    check_usage(with(good_register, {"--"}), {"expected a command"});
}

TEST_CASE("an option takes no other option for its value, unless that is plainly meant") {
    check_usage(with({"register", "--ip", "1.2.3.4", "--port", "1"}, {"--service", "--json"}),
                {"--service has no value before --json; write --service=--json if that is meant"});
    check_usage({"pick", "--service", "--wait", "5s"}, {"--service has no value before --wait"});
    check_usage({"pick", "--service", "--wait=5s"}, {"--service has no value before --wait=5s"});
    check_usage({"pick", "--service", "s", "--key", "-n", "5"}, {"--key has no value before -n; write --key=-n if"});
    check_usage({"pick", "--service", "s", "-n", "--json"}, {"-n has no value before --json\nSee"});
    check_usage({"pick", "--service", "--help"}, {"--service has no value before --help"});
    check_usage({"pick", "--key", "--service", "--service", "s"}, {"--key has no value before --service"});
    // What is no option of the command is a value, and what stands behind = always is.
    check_usage({"zk", "--bind", "--service"}, {"--bind '--service': expected an IP address"});
    check_usage({"zk", "--bind=--port"}, {"--bind '--port': expected an IP address"});
    check_usage({"pick", "--service", "-x", "-n", "-1"}, {"-n '-1'"});
}

TEST_CASE("complaints command no terminal") {
    for (const char* text : {"a\x1b[31mz", "a\xffz", "a\xc2\x9bz"}) {
        for (const strings& args : {strings{text}, strings{"ls", text}, strings{"ls", "--layout", text},
                                    strings{"pick", "--policy", text, "--service", "s"}}) {
            const auto r = run_muster(args);
            CAPTURE(r.err);
            CHECK(r.code == 2);
            CHECK(r.err.find_first_of("\x1b\xff\xc2") == std::string::npos);
        }
    }
}

TEST_CASE("TLS that cannot be had is wrong usage") {
    for (const strings& args : all_that_connect) {
        check_usage(with(args, {"--tls-ca", "/nowhere.pem"}),
                    {"--tls-ca '/nowhere.pem': expected a PEM file of trusted certificates (No such file or directory)"});
    }
    check_usage({"ls", "--tls-ca", "/dev/null"}, {"--tls-ca '/dev/null'", "not a regular file"});
    check_usage({"ls", "--tls-ca", ""}, {"--tls-ca is empty"});
    check_usage({"ls", "--tls-cert", "a.pem"}, {"--tls-cert 'a.pem': expected a private key beside it, in --tls-key"});
    check_usage({"ls", "--tls-key", "a.key"}, {"--tls-key 'a.key': expected a certificate beside it, in --tls-cert"});
    check_usage({"ls", "--tls-server-name", "a b"}, {"--tls-server-name 'a b': expected a host name or an address"});
    check_usage({"demo", "--tls"}, {"--tls needs --zk: the embedded server has no TLS"});
    check_usage({"zk", "--tls"}, {"--tls"});
}

TEST_CASE("SASL that cannot be had is wrong usage") {
    for (const strings& args : all_that_connect) {
        check_usage(with(args, {"--sasl-server-name", "x"}), {"--sasl-server-name needs --sasl-user or --kerberos"});
        check_usage(with(args, {"--sasl-user", "bob", "--kerberos"}), {"--sasl-user and --kerberos: expected one of them"});
    }
    check_usage({"ls", "--sasl-server-name", ""}, {"--sasl-server-name is empty"});
    check_usage({"demo", "--kerberos"}, {"--kerberos needs --zk: the embedded server has no SASL"});
    check_usage({"zk", "--kerberos"}, {"--kerberos"});
    if (!muster::runtime::has_sasl())
        return check_usage({"ls", "--kerberos"}, {"--kerberos: this muster was built without SASL"});
    check_usage({"ls", "--sasl-user", ""}, {"--sasl-user is empty"});
    check_usage({"ls", "--sasl-user", "bob"}, {"--sasl-user 'bob': expected the password in $MUSTER_SASL_PASSWORD"});
}

TEST_CASE("names") {
    for (const char* name : {"/", "", "..", ".", "a/b", "a\x01z", "a\nb", "a\x7fz"}) {
        check_usage({"pick", "--service", name}, {"service name", "expected one path component"});
        check_usage({"register", "--service", name, "--ip", "::1", "--port", "1"}, {"service name"});
        check_usage({"ls", "--prefix", name}, {"prefix", "expected one path component"});
        check_usage(with(good_register, {"--prefix", name}), {"prefix"});
    }
    check_usage({"pick", "--service", "a/b"}, {"'a/b'"});
    check_usage({"pick", "--service="}, {"service name '' is empty"});
    check_usage({"watch", "--service", "a\x01z"}, {"'a\\x01z'", "U+0001"});
    for (const strings& args : all_that_connect)
        check_usage(with(args, {"--prefix", "zookeeper"}), {"prefix 'zookeeper' is reserved"});
    check_usage({"demo", "--prefix", "zookeeper"}, {"prefix 'zookeeper' is reserved"});
    check_usage({"ls", "--layout", "curator"}, {"'curator'", "expected micro_service"});
}

TEST_CASE("instances") {
    for (const char* port : {"0", "70000", "-1", "abc", "", "1.5", "80x"}) {
        check_usage({"register", "--service", "s", "--ip", "127.0.0.1", "--port", port},
                    {"--port '" + std::string(port) + "'", "1 to 65535"});
    }
    for (const char* weight : {"0", "70000", "-1", "abc", "1.5", ""}) {
        check_usage(with(good_register, {"--weight", weight}), {"--weight '" + std::string(weight) + "'", "1 to 65535"});
    }
    for (const strings& given : {strings{}, strings{"--port", "1"}, strings{"--weight", "2", "--user", "me"}}) {
        check_usage(with({"register", "--service", "s"}, given),
                    {"--ip is missing", "expected an address and a port (--ip, --port), or a unique code (--unique-code)"});
    }
    check_usage({"register", "--service", "s", "--ip", "", "--port", "1"}, {"--ip is empty", "expected an address and a port"});
    for (const strings& code : {strings{}, strings{"--unique-code", "u"}})
        check_usage(with({"register", "--service", "s", "--ip", "127.0.0.1"}, code),
                    {"--port is missing", "--ip '127.0.0.1'", "1 to 65535"});
    check_usage({"register", "--service", "s", "--unique-code", "u", "--port", "3"},
                {"--ip '' beside port 3", "expected an IP address or a host name"});
}

TEST_CASE("instances that no znode can carry, or that nobody could use") {
    for (const char* ip : {" ", "a b", "127.0.0.1 ", "127.0.0.1\n", "\t", "a\x01", "a\x7f", "\xff"}) {
        check_usage({"register", "--service", "s", "--ip", ip, "--port", "1"},
                    {"--ip '", "expected an IP address or a host name"});
    }
    check_usage({"register", "--service", "s", "--ip", "a\x01z", "--port", "1"}, {"--ip 'a\\x01z'", "U+0001"});
    for (const char* text : {"a\nb", "a\x1b[31m", "\xc3", "a\xc2\x85"}) {
        check_usage({"register", "--service", "s", "--unique-code", text}, {"--unique-code '"});
        check_usage(with(good_register, {"--user", text}), {"--user '"});
    }
    const auto password = run_muster(with(good_register, {"--user", "me"}), {"MUSTER_USERPWD=sesame\xff"});
    CHECK(password.code == 2);
    CHECK(password.err.find("$MUSTER_USERPWD is not UTF-8") != std::string::npos);
    CHECK(password.err.find("sesame") == std::string::npos);

    const std::string large(70'000, 'x');
    check_usage({"register", "--service", "s", "--unique-code", large}, {"--unique-code of 70000 bytes", "at most 65536"});
    check_usage({"register", "--service", "s", "--ip", large, "--port", "1"}, {"--ip of 70000 bytes", "at most 65536"});
    check_usage(with(good_register, {"--user", large}), {"--user of 70000 bytes", "at most 65536"});
    check_usage(with(good_register, {"--unique-code", std::string(65'536, 'x')}), {"--unique-code of 65536 bytes", "65536"});
}

TEST_CASE("connect strings") {
    const std::pair<const char*, const char*> bad[] = {{"", "empty"},           {"host:", "host:"},      {"host:0", "0"},
                                                       {"host:70000", "70000"}, {"a,,b", "a"},           {"::1", "::1"},
                                                       {"host/a//b", "/a//b"},  {"host:1:2", "host:1:2"}};
    for (const auto& [value, part] : bad) {
        for (const strings& args : all_that_connect) check_usage(with(args, {"--zk", value}), {part});
        check_usage({"demo", "--zk", value}, {part});
    }
    const auto r = run_muster({"ls"}, {"MUSTER_ZK=host:70000"});
    CHECK(r.code == 2);
    CHECK(r.err.find("70000") != std::string::npos);
}

TEST_CASE("durations") {
    for (const char* value : {"10", "s", "10 s", "-1s", "1.5s", "", "10x", "99999999999999999999s"}) {
        check_usage(with(good_pick, {"--session-timeout", value}), {"--session-timeout '" + std::string(value) + "'", "10s"});
        check_usage(with(good_pick, {"--wait", value}), {"--wait '" + std::string(value) + "'", "500ms"});
        check_usage({"register", "--service", "s", "--ip", "a", "--port", "1", "--drain", value},
                    {"--drain '" + std::string(value) + "'", "500ms"});
    }
    check_usage({"ls", "--log-level", "loud"}, {"--log-level 'loud'", "debug, info, warning, error or off"});
    check_usage({"ls", "--session-timeout", "0s"}, {"--session-timeout '0s'", "1ms to 24 days"});
    check_usage({"ls", "--session-timeout", "600h"}, {"--session-timeout '600h'", "24 days"});
}

TEST_CASE("picks") {
    check_usage(with(good_pick, {"--policy", "fastest"}),
                {"'fastest'", "roundrobin, weightroundrobin, random, weightrandom, iphash, urlhash, leastconnect"});
    check_usage(with(good_pick, {"--pool", "best"}), {"'best'", "normals_then_master, normals, all, master"});
    check_usage(with(good_pick, {"--policy", "iphash"}), {"'iphash'", "--key"});
    check_usage(with(good_pick, {"--policy", "urlhash"}), {"'urlhash'", "--key"});
    for (const strings& empty : {strings{"--key", ""}, strings{"--key="}})
        check_usage(with(with(good_pick, {"--policy", "urlhash"}), empty), {"'urlhash'", "--key"});
    for (const char* n : {"0", "-1", "x", "9999999"})
        check_usage(with(good_pick, {"-n", n}), {"-n '" + std::string(n) + "'", "1 to 1000000"});
}

TEST_CASE("zk: wrong usage") {
    for (const char* port : {"-1", "70000", "abc", ""})
        check_usage({"zk", "--port", port}, {"--port '" + std::string(port) + "'", "0 to 65535"});
    for (const char* address : {"localhost", "", "1.2.3", "127.0.0.1:2181"})
        check_usage({"zk", "--bind", address}, {"--bind '" + std::string(address) + "'", "IP address"});
    check_usage({"zk", "--tick", "0ms"}, {"--tick '0ms'"});
    check_usage({"zk", "--tick", "10"}, {"--tick '10'"});
    check_usage({"zk", "--min-session-timeout", "2s", "--max-session-timeout", "1s"}, {"2s", "1s", "longer"});
    check_usage({"zk", "--data-dir", "/tmp/zk"}, {"--data-dir", "in memory", "Apache ZooKeeper"});
    check_usage({"zk", "--zk", "127.0.0.1:2181"}, {"--zk"});
    check_usage({"zk", "extra"}, {"extra"});
}

TEST_CASE("demo needs no Java, nor anything else that is installed") {
    process p({"/usr/bin/env", "PATH=/nowhere", MUSTER_COMMAND, "demo", "--json"});
    const auto begin = std::chrono::steady_clock::now();
    const auto r = finish(p);
    CAPTURE(r.err);
    CHECK(r.code == 0);
    CHECK(std::chrono::steady_clock::now() - begin < (sanitized ? 15s : 5s));
}
