// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/connect_string.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace muster::zk;

namespace {

using hosts = std::vector<host_port>;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}    // namespace

TEST_CASE("connect strings") {
    const auto check = [](std::string_view text, const hosts& expected, std::string_view chroot, std::string_view canonical) {
        INFO(text);
        const auto parsed = connect_string::parse(text);
        REQUIRE(parsed.has_value());
        CHECK((parsed->hosts() == expected));
        CHECK(parsed->chroot() == chroot);
        CHECK(parsed->to_string() == canonical);
        CHECK((connect_string::parse(canonical).value() == *parsed));
        CHECK((connect_string(text) == *parsed));
    };
    check("zk1", {{"zk1", 2181}}, "", "zk1:2181");
    check("zk1:2182", {{"zk1", 2182}}, "", "zk1:2182");
    check("zk1:1,zk2,zk3:65535", {{"zk1", 1}, {"zk2", 2181}, {"zk3", 65535}}, "", "zk1:1,zk2:2181,zk3:65535");
    check("127.0.0.1:2181/app", {{"127.0.0.1", 2181}}, "/app", "127.0.0.1:2181/app");
    check("zk1,zk2/app/one", {{"zk1", 2181}, {"zk2", 2181}}, "/app/one", "zk1:2181,zk2:2181/app/one");
    check("zk1/", {{"zk1", 2181}}, "", "zk1:2181");
    check("[::1]", {{"::1", 2181}}, "", "[::1]:2181");
    check("[::1]:2182,zk1/a", {{"::1", 2182}, {"zk1", 2181}}, "/a", "[::1]:2182,zk1:2181/a");
    check("[fe80::1%eth0]:2181", {{"fe80::1%eth0", 2181}}, "", "[fe80::1%eth0]:2181");
    check("[::ffff:10.0.0.1]", {{"::ffff:10.0.0.1", 2181}}, "", "[::ffff:10.0.0.1]:2181");
    check("zk1:02181", {{"zk1", 2181}}, "", "zk1:2181");
    check("zk1/a,b:1", {{"zk1", 2181}}, "/a,b:1", "zk1:2181/a,b:1");
}

TEST_CASE("connect strings that are refused, and what the message names") {
    const auto check = [](std::string_view text, std::string_view part, std::string_view expected) {
        const auto parsed = connect_string::parse(text);
        INFO(text);
        REQUIRE(parsed.has_error());
        const auto error = parsed.error();
        INFO(error.message);
        CHECK(error.code == client_errc::invalid_connect_string);
        CHECK(contains(error.message, part));
        CHECK(contains(error.message, expected));
        CHECK(contains(error.message, "\"" + std::string(text) + "\""));
    };
    check("", "empty", "expected host1:port1,host2:port2/chroot");
    check("/app", "server 1 is empty", "expected host");
    check(",zk1", "server 1 is empty", "expected host");
    check("zk1,", "server 2 is empty", "expected host");
    check("zk1,,zk2", "server 2 is empty", "expected host");
    check("zk1,/app", "server 2 is empty", "expected host");
    check(":2181", "\":2181\" lacks a host", "expected host");
    check("zk1,:2181/app", "\":2181\" lacks a host", "expected host");
    check("zk1:", "port \"\" of server \"zk1:\"", "from 1 to 65535");
    check("zk1:0", "port \"0\"", "from 1 to 65535");
    check("zk1:65536", "port \"65536\"", "from 1 to 65535");
    check("ok:1,zk1:70000/a", "port \"70000\" of server \"zk1:70000\"", "from 1 to 65535");
    check("zk1:abc", "port \"abc\"", "from 1 to 65535");
    check("zk1:21x", "port \"21x\"", "from 1 to 65535");
    check("zk1:-1", "port \"-1\"", "from 1 to 65535");
    check("zk1:+1", "port \"+1\"", "from 1 to 65535");
    check("zk1: 2181", "port \" 2181\"", "from 1 to 65535");
    check("zk1:2181 ", "port \"2181 \"", "from 1 to 65535");
    check("zk1:2181, zk2:2181", "host \" zk2\" contains a space", "expected a host name");
    check(" zk1", "host \" zk1\" contains a space", "expected a host name");
    check("zk1;zk2:2181;zk3:2181", "several colons", "commas between servers");
    check("::1", "several colons", "[::1]:2181");
    check("::1:2181", "\"::1:2181\" has several colons", "brackets");
    check("[::1", "\"[::1\" lacks the bracket", "IPv6");
    check("[]", "\"\" is not an IPv6 address", "brackets");
    check("[zk1]:2181", "\"zk1\" is not an IPv6 address", "brackets");
    check("[1.2.3.4]", "\"1.2.3.4\" is not an IPv6 address", "brackets");
    check("[::1%]", "\"::1%\" is not an IPv6 address", "brackets");
    check("[::1]2181", "\"2181\" follows an IPv6 address", "expected a colon and a port");
    check("[::1]:0", "port \"0\"", "from 1 to 65535");
    check("zk]1", "contains \"]\"", "expected a host name");
    check("tcp://zk1:2181", "\"tcp://\" is not understood", "without a scheme");
    check("zk1/app/", "path \"/app/\" ends with a slash", "as a chroot");
    check("zk1//app", "path \"//app\" has an empty component", "as a chroot");
    check("zk1/a/../b", "\"..\"", "as a chroot");
}

TEST_CASE("what does not print is escaped in messages") {
    CHECK(contains(connect_string::parse("zk\n1").error().message, R"(host "zk\x0a1" contains "\x0a")"));
    const std::string long_name(10000, ',');
    CHECK(connect_string::parse(long_name).error().message.size() < 500);
}

TEST_CASE("constructors throw what parse reports") {
    try {
        const connect_string refused("zk1:70000");
        FAIL("parsed: " << refused.to_string());
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == client_errc::invalid_connect_string);
        CHECK(contains(e.what(), "port \"70000\""));
    }
    CHECK(connect_string(std::string("zk1")).to_string() == "zk1:2181");
}

TEST_CASE("legal paths") {
    for (const char* path : {"/", "/a", "/a/b", "/zookeeper/config", "/...", "/.a", "/a.", "/ ", "/a-0000000001", "/\xc3\xa9",
                             "/\xe2\x82\xac", "/\xc2\xa0", "/\xed\x9f\xbf", "/\xef\xa4\x80", "/\xef\xbf\xaf"}) {
        INFO(path);
        CHECK(check_path(path) == "");
        CHECK(check_path(path, true) == "");
    }
}

TEST_CASE("illegal paths, and what the message names") {
    const auto check = [](std::string_view path, std::string_view fault) {
        const auto message = check_path(path);
        INFO(message);
        CHECK(contains(message, "path \"" + std::string(path) + "\""));
        CHECK(contains(message, fault));
    };
    check("", "is empty");
    check("a", "is relative; expected it to start with /");
    check("a/b", "is relative");
    check("/a/", "ends with a slash");
    check("//", "has an empty component");
    check("//a", "has an empty component");
    check("/a//b", "has an empty component");
    check("/.", "the component \".\"");
    check("/..", "the component \"..\"");
    check("/a/./b", "the component \".\"");
    check("/a/../b", "the component \"..\"");
    check("/a/..", "the component \"..\"");
    check("/\xc2\x80", "U+0080 at byte 1");
    check("/a\xc2\x9f", "U+009F at byte 2");
    check("/\xed\xa0\x80", "U+D800 at byte 1");
    check("/\xee\x80\x80", "U+E000 at byte 1");
    check("/\xef\xa3\xbf", "U+F8FF at byte 1");
    check("/\xef\xbf\xb0", "U+FFF0 at byte 1");
    check("/\xef\xbf\xbf", "U+FFFF at byte 1");
    check("/\xf0\x9f\x98\x80", "U+1F600 at byte 1");    // surrogates in Java
}

TEST_CASE("control characters in paths") {
    CHECK(check_path(std::string_view("/a\0b", 4)) ==
          R"(path "/a\x00b" contains U+0000 at byte 2, which ZooKeeper does not allow)");
    CHECK(check_path("/\x01") == R"(path "/\x01" contains U+0001 at byte 1, which ZooKeeper does not allow)");
    CHECK(contains(check_path("/\x1f"), "U+001F"));
    CHECK(contains(check_path("/\x7f"), "U+007F"));
}

TEST_CASE("malformed UTF-8 is refused, since ZooKeeper would store another name") {
    for (const char* path : {"/\x80", "/\xc3", "/\xc3/", "/\xc0\xaf", "/\xe2\x82", "/\xe0\x80\xaf", "/\xf0\x9f\x98",
                             "/\xf0\x80\x80\xaf", "/\xf4\x90\x80\x80", "/\xf5\x80\x80\x80", "/\xff"}) {
        INFO(path);
        CHECK(contains(check_path(path, true), "U+FFFD at byte 1"));
    }
    CHECK(contains(check_path("/ab\xff"), "U+FFFD at byte 3"));
}

TEST_CASE("a counter makes paths legal that end with a slash or dots") {
    CHECK(check_path("/a/", true) == "");
    CHECK(check_path("/", true) == "");
    CHECK(check_path("/a/.", true) == "");
    CHECK(check_path("/a/..", true) == "");
    CHECK(contains(check_path("//", true), "has an empty component"));
    CHECK(contains(check_path("/a//", true), "has an empty component"));
    CHECK(contains(check_path("/../a", true), "the component \"..\""));
    CHECK(contains(check_path("", true), "is empty"));
    CHECK(contains(check_path("a", true), "is relative"));
}
