// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>
#include <muster/instance.hpp>

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
    for (int v = 1; v <= static_cast<int>(registry_errc::conflict); ++v) {
        const std::string text = make_error_code(static_cast<registry_errc>(v)).message();
        CHECK(text.find("unknown registry error") == std::string::npos);
        CHECK(seen.find('|' + text + '|') == std::string::npos);
        seen += '|' + text + '|';
    }
    CHECK(registry_category().message(99) == "unknown registry error 99");
}

}    // namespace muster
