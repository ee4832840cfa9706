// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>
#include <muster/instance.hpp>

#include "registry/layout.hpp"

#include <doctest/doctest.h>

#include <string>

namespace muster {

TEST_CASE("the identity is the unique code, else address and port") {
    instance i("10.0.0.1", 80);
    CHECK(i.identity() == "10.0.0.1:80");
    i.unique_code = "a1";
    CHECK(i.identity() == "a1");
}

TEST_CASE("an instance needs address and port, or a unique code") {
    CHECK(validate(instance("10.0.0.1", 1)).has_value());
    CHECK(validate(instance("10.0.0.1", 65535)).has_value());
    instance coded;
    coded.unique_code = "a1";
    CHECK(validate(coded).has_value());

    const auto refused = [](const instance& i) {
        const auto r = validate(i);
        REQUIRE(r.has_error());
        CHECK(r.error().code == registry_errc::invalid_instance);
        return r.error().message;
    };
    CHECK(refused(instance("10.0.0.1", 0)) == "port 0 of instance '10.0.0.1': expected 1 to 65535");
    CHECK(refused(instance("", 80)).find("(port 80)") != std::string::npos);
    coded.ip = "10.0.0.1";
    CHECK(refused(coded).find("port 0") == 0);
    coded.ip.clear();
    coded.port = 80;
    CHECK(refused(coded) == "address '' beside port 80: expected an IP address or a host name");
}

TEST_CASE("an instance that nobody could use, or that no znode can carry, is refused") {
    const auto message_of = [](const instance& i) {
        const auto r = validate(i);
        REQUIRE(r.has_error());
        CHECK(r.error().code == registry_errc::invalid_instance);
        CHECK(r.error().message.find('\n') == std::string::npos);
        return r.error().message;
    };
    for (const char* ip : {" ", "a b", "\t", "a\n", "a\x01", "a\xC2\x85", "\xFF"})
        CHECK(message_of(instance(ip, 1)).starts_with("address '"));
    CHECK(message_of(instance("a b", 1)) == "address 'a b' contains white space: expected an IP address or a host name");
    CHECK(message_of(instance("10.0.0.1:80", 80)) == "address '10.0.0.1:80' has a port: expected an IP address or a host name");
    for (const char* bracketed : {"[::1]", "[::1]:80", "[fe80::1%eth0]", "[a]", "["}) {
        CAPTURE(bracketed);
        CHECK(message_of(instance(bracketed, 80)) ==
              "address '" + std::string(bracketed) +
                  "' begins with '[': expected an IPv6 address without brackets and without port");
    }
    CHECK(validate(instance("::1", 80)).has_value());
    CHECK(validate(instance("::1", 80)).has_value());
    instance i("10.0.0.1", 80);
    i.unique_code = "a\x01z";
    CHECK(message_of(i) ==
          "unique code 'a\\x01z' contains the control character U+0001: expected text without control characters");
    i.unique_code = "\xC3\xA9 with spaces";
    CHECK(validate(i).has_value());
    i.user = "\xFF";
    CHECK(message_of(i).starts_with("user name '"));
    i.user = "me";
    i.password = "sesame\x01";    // JSON can say that
    CHECK(validate(i).has_value());
    i.password = "sesame\xFF";
    CHECK(message_of(i) == "password is not UTF-8");
    i.password.clear();
    for (std::string* text : {&i.zone, &i.state, &i.metadata["key"]}) {
        *text = "line\nline";
        CHECK(validate(i).has_value());
        *text = "\xFF";
        CHECK(message_of(i).find("is not UTF-8") != std::string::npos);
        text->clear();
    }
}

TEST_CASE("an instance is no larger than what is read: the longest field is named, and the sizes") {
    instance i("10.0.0.1", 80);
    const auto size_of = [](const instance& x) { return registry::make_micro_service_layout()->encode(x).size(); };
    i.unique_code = std::string(65'536 - size_of(i), 'x');
    CHECK(size_of(i) == 65'536);
    CHECK(validate(i).has_value());
    i.unique_code += 'x';
    CHECK(validate(i).error().message == "unique code of " + std::to_string(i.unique_code.size()) +
                                             " bytes: the instance would take 65537 bytes in its znode, expected at most 65536");
    i.unique_code = "u";
    i.metadata["a"] = std::string(40'000, 'x');
    i.metadata["b"] = std::string(40'000, 'x');
    i.user = std::string(50'000, 'x');
    CHECK(validate(i).error().message.starts_with("metadata of 80002 bytes: "));
}

TEST_CASE("a prefix is a name, and not ZooKeeper's own") {
    CHECK(validate_prefix("micro-service").has_value());
    CHECK(validate_prefix("zookeeper2").has_value());
    CHECK(validate_name("zookeeper", "service name").has_value());
    for (const char* bad : {"zookeeper", "", "a/b"}) {
        const auto r = validate_prefix(bad);
        REQUIRE(r.has_error());
        CHECK(r.error().code == registry_errc::invalid_name);
        CHECK(r.error().message.starts_with("prefix '" + std::string(bad) + "' "));
    }
}

TEST_CASE("names are single path components that ZooKeeper accepts") {
    for (const std::string good : {"testserver", "a", "...", "a.b", ".a", "micro-service", "\xC3\xA9t\xC3\xA9", "a b"}) {
        INFO(good);
        CHECK(validate_name(good, "service name").has_value());
    }
    const std::string nul("a\0b", 3);
    for (const std::string& bad :
         {std::string(), std::string("."), std::string(".."), std::string("/"), std::string("a/b"), std::string("a\nb"), nul,
          std::string("a\x7F"), std::string("a\xC2\x85"), std::string("\xEF\x9F\xBF"), std::string("\xEF\xBF\xB0"),
          std::string("\xF0\x9F\x98\x80"), std::string("a\xFF")}) {
        const auto r = validate_name(bad, "service name");
        INFO(bad);
        REQUIRE(r.has_error());
        CHECK(r.error().code == registry_errc::invalid_name);
        CHECK(r.error().message.starts_with("service name '"));
        CHECK(r.error().message.find('\n') == std::string::npos);
    }
    CHECK(validate_name("a/b", "prefix").error().message ==
          "prefix 'a/b' contains '/': expected one path component without control characters, other than '.' and '..'");
}

TEST_CASE("roles have names") {
    CHECK(std::string(to_string(role::none)) == "none");
    CHECK(std::string(to_string(role::normal)) == "normal");
    CHECK(std::string(to_string(role::master)) == "master");
}

TEST_CASE("every registry error has a text of its own") {
    std::string seen;
    for (int v = 1; v <= static_cast<int>(registry_errc::too_many_services); ++v) {
        const std::string text = make_error_code(static_cast<registry_errc>(v)).message();
        CHECK(text.find("unknown registry error") == std::string::npos);
        CHECK(seen.find('|' + text + '|') == std::string::npos);
        seen += '|' + text + '|';
    }
    CHECK(registry_category().message(99) == "unknown registry error 99");
}

}    // namespace muster
