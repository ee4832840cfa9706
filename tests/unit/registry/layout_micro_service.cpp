// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>

#include "registry/layout.hpp"

#include <doctest/doctest.h>

#include <string>

namespace muster::registry {
namespace {

const layout& seed() {
    static const auto l = make_micro_service_layout();
    return *l;
}

result<parsed_instance> parse(std::string_view data, std::string_view child = "normal0000000003") {
    return seed().parse("/p/s", child, data, zk::stat{});
}

/// Members of an instance that is right, with one part of it replaced.
std::string with(std::string_view member) {
    std::string base = R"({"serverip":"10.0.0.1","serverport":80,"username":"","userpwd":"","serveruniquecode":"u","weight":1)";
    return base + "," + std::string(member) + "}";    // the later member wins, as in Go
}

std::string reason(std::string_view data, std::string_view child = "normal0000000003") {
    const auto r = parse(data, child);
    REQUIRE(r.has_error());
    CHECK(r.error().code == registry_errc::malformed_data);
    return r.error().message;
}

}    // namespace

TEST_CASE("paths are the seed's") {
    CHECK(seed().name() == "micro_service");
    CHECK(seed().service_path("micro-service", "testserver") == "/micro-service/testserver");
    CHECK(seed().master_path("/p/s") == "/p/s/master");
    CHECK(seed().normal_prefix("/p/s") == "/p/s/normal");
}

TEST_CASE("R17: only master and normals with a full counter, which is signed, are instances") {
    CHECK(seed().role_of("master") == role::master);
    CHECK(seed().role_of("normal0000000000") == role::normal);
    CHECK(seed().sequence_of("normal0000000012") == 12);
    CHECK(seed().sequence_of("normal2147483647") == 2147483647);
    CHECK(seed().sequence_of("normal-000000005") == -5);
    CHECK(seed().sequence_of("normal-1000000000") == -1000000000);
    CHECK(seed().sequence_of("normal-2147483648") == -2147483647 - 1);
    CHECK_FALSE(seed().sequence_of("master"));
    for (const std::string odd :
         {"", "normal", "normal1", "normal000000000a", "normal2147483648", "Normal0000000001", "masters", "lock",
          "normal+000000001", "normal--00000001", "normal00000000001", "normal-0000000005", "normal 000000001", "config"}) {
        INFO(odd);
        CHECK(seed().role_of(odd) == role::none);
        if (!odd.empty()) CHECK(reason("{}", odd).starts_with("name '" + odd + "' is odd"));
    }
}

TEST_CASE("data is written byte for byte as Go writes it") {
    instance i("127.0.0.1", 50000);
    i.unique_code = "c0de";
    CHECK(seed().encode(i) ==
          R"({"serverip":"127.0.0.1","serverport":50000,"username":"","userpwd":"","serveruniquecode":"c0de",)"
          R"("weight":1})");
    i.weight = 0;
    CHECK(seed().encode(i).ends_with(R"("weight":1})"));
    i.weight = 70000;
    CHECK(seed().encode(i).ends_with(R"("weight":65535})"));
    i.weight = 7;
    i.zone = "z<1>";
    i.state = "&";
    i.metadata = {{"b", "2"}, {"a", "1"}};
    CHECK(seed().encode(i).ends_with(R"("weight":7,"zone":"z\u003c1\u003e","state":"\u0026","metadata":{"a":"1","b":"2"}})"));

    instance odd("", 0);
    odd.user = "\"\\/\b\f\n\r\t\x01\x7F";
    odd.password = "\xE2\x80\xA8\xE2\x80\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    odd.unique_code = "a\xFF\xC0\xAF\xED\xA0\x80z\xE2\x82";
    CHECK(seed().encode(odd) ==
          "{\"serverip\":\"\",\"serverport\":0,\"username\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\x7F\","
          "\"userpwd\":\"\\u2028\\u2029\xE2\x82\xAC\xF0\x9F\x98\x80\",\"serveruniquecode\":\"a\\ufffd\\ufffd"
          "\\ufffd\\ufffd\\ufffd\\ufffdz\\ufffd\\ufffd\",\"weight\":1}");
}

TEST_CASE("what was written is read back") {
    instance i("::1", 65535, 65535);
    i.user = "u<>&\"\\";
    i.password = "\x01 \xE2\x80\xA8 \xF0\x9F\x98\x80";
    i.unique_code = "code";
    i.zone = "z";
    i.state = "s";
    i.metadata = {{"k", "v"}, {"", "e"}};
    zk::stat stat;
    stat.czxid = 77;
    const auto p = seed().parse("/p/s", "master", seed().encode(i), stat);
    REQUIRE(p.has_value());
    CHECK(p->instance == i);
    CHECK(p->role == role::master);
    CHECK(p->identity == "code");
    CHECK(p->name == "master");
    CHECK(p->path == "/p/s/master");
    CHECK(p->stat.czxid == 77);
}

TEST_CASE("reading is as tolerant as Go's") {
    CHECK(parse(R"({"SERVERIP":"10.0.0.1","ServerPort":80})")->identity == "10.0.0.1:80");
    CHECK(parse(R"( {"serveruniquecode" : "u" , "other":{"a":[1,2.5,null]},"weight":null } )")->identity == "u");
    CHECK(parse(with(R"("serveruniquecode":"w")"))->identity == "w");
    CHECK(parse(with(R"("SERVERUNIQUECODE":"w")"))->identity == "w");
    CHECK(parse(R"({"serveruniquecode":"\ud83d\ude00\u003c"})")->identity == "\xF0\x9F\x98\x80<");
    CHECK(parse(R"({"serveruniquecode":"\ud83dx\ude00\\ud800"})")->identity == "\xEF\xBF\xBDx\xEF\xBF\xBD\\ud800");
    CHECK(parse(R"({"serveruniquecode":"\ud83d\ud83d\ude00"})")->identity == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
    CHECK(parse("{\"serveruniquecode\":\"a\xFF\"}")->identity == "a\xEF\xBF\xBD");
    CHECK(parse(with(R"("metadata":{"a":"1"},"zone":"z","state":null)"))->instance.metadata.at("a") == "1");
}

TEST_CASE("weights are 1 to 65535") {
    CHECK(parse(R"({"serveruniquecode":"u"})")->instance.weight == 1);
    CHECK(parse(with(R"("weight":0)"))->instance.weight == 1);
    CHECK(parse(with(R"("weight":9)"))->instance.weight == 9);
    CHECK(parse(with(R"("weight":65536)"))->instance.weight == 65535);
    CHECK(parse(with(R"("weight":1000000000)"))->instance.weight == 65535);
    CHECK(parse(with(R"("weight":18446744073709551615)"))->instance.weight == 65535);
    CHECK(parse(with(R"("weight":null)"))->instance.weight == 1);
    CHECK(reason(with(R"("weight":-1)")) == "weight is -1, expected 0 or more");
    CHECK(reason(with(R"("weight":"3")")) == "weight is '\"3\"', expected a plain integer");
    CHECK(reason(with(R"("weight":1.5)")) == "weight is '1.5', expected a plain integer");
    CHECK(reason(with(R"("weight":1.0)")) == "weight is '1.0', expected a plain integer");
    for (const std::string w : {"1e9", "5e4", "1.0", "true", "[]", "99999999999999999999"}) {
        INFO(w);
        CHECK(reason(with("\"weight\":" + w)).starts_with("weight is "));
    }
}

TEST_CASE("what is no instance is refused with the value and what was expected") {
    CHECK(reason("") == "data is empty, expected a JSON object");
    CHECK(reason("127.0.0.1").find("expected a JSON object") != std::string::npos);
    CHECK(reason("{} x").find("is no JSON") != std::string::npos);
    CHECK(reason("{\"serverip\":\"1").find("is no JSON") != std::string::npos);
    CHECK(reason("[]") == "data is an array, expected a JSON object");
    CHECK(reason("7") == "data is a number, expected a JSON object");
    for (const std::string nothing : {"{}", "null", R"({"serverip":"10.0.0.1"})", R"({"serverport":80})"}) {
        INFO(nothing);
        CHECK(reason(nothing).find("expected an address and a port, or a unique code") != std::string::npos);
    }
    CHECK(reason(with(R"("serverport":65536)")) == "serverport is 65536, expected 0 to 65535");
    CHECK(reason(with(R"("serverport":-1)")) == "serverport is -1, expected 0 to 65535");
    CHECK(reason(with(R"("serverport":"80")")) == "serverport is '\"80\"', expected a plain integer");
    CHECK(reason(with(R"("serverport":8e1)")).starts_with("serverport is "));
    CHECK(reason(with(R"("serverip":5)")) == "serverip is a number, expected a string");
    CHECK(reason(with(R"("metadata":[])")) == "metadata is an array, expected an object");
    CHECK(reason(with(R"("metadata":{"k":1})")) == "metadata 'k' is a number, expected a string");
    CHECK(reason(std::string(100, '[')).find("expected a JSON object") != std::string::npos);
    CHECK(reason(with("\"a\":" + std::string(1000, '[') + std::string(1000, ']'))).find("(nested too deeply)") !=
          std::string::npos);
    CHECK(reason(std::string(900 * 1024, 'x')) == "data has 921600 bytes, expected at most 65536");
}

TEST_CASE("a password never gets into a message") {
    for (const std::string data :
         {R"({"userpwd":"hunter2","weight":"x"})", R"({"userpwd":"hunter2")", R"({"userpwd":"hunter2"} hunter2)",
          R"({"userpwd":"hunter2"})", R"({"userpwd":["hunter2"]})", R"({"userpwd":"hunter2","serverport":-1})"}) {
        INFO(data);
        CHECK(reason(data).find("hunter2") == std::string::npos);
    }
}

TEST_CASE("data truncated anywhere is refused and never read past its end") {
    instance i("10.0.0.1", 80);
    i.unique_code = "\xF0\x9F\x98\x80<";
    const std::string data = seed().encode(i);
    for (std::size_t n = 0; n < data.size(); ++n) {
        const std::string part(data, 0, n);
        CHECK(parse(part).has_error());
    }
}

TEST_CASE("messages show long and strange values shortened and escaped") {
    const std::string child = "a\n\xFF" + std::string(500, 'b');
    const std::string text = reason("{}", child);
    CHECK(text.find("'a\\x0a\\xff") != std::string::npos);
    CHECK(text.size() < 200);
}

}    // namespace muster::registry
