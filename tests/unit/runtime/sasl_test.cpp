// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The user's part of DIGEST-MD5, against a server that the test plays. What only a server that knows the password can answer is
// seen in the integration tests.
#include "runtime/sasl.hpp"

#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace muster;
using zk::sasl_errc;

namespace {

constexpr const char* challenge = R"(realm="zk-sasl-md5",nonce="abc",qop="auth",charset=utf-8,algorithm=md5-sess)";

struct step_result {
    error_code ec;
    std::optional<std::string> token;
    bool complete = false;
    std::string said;
};

struct exchange {
    exchange() {
        zk::sasl_options o;
        o.user = "bob";
        o.password = "sesame-4711";
        user = runtime::make_sasl_exchange(io.get_executor(), o, "zk1");
    }

    step_result step(const std::string& said) {
        std::optional<step_result> r;
        user->async_step(said, [&r](error_code ec, std::optional<std::string> token, bool complete, std::string words) {
            r.emplace(ec, std::move(token), complete, std::move(words));
        });
        CHECK(!r);    // never inline
        CHECK(user->explanation(sasl_errc::step_failed) == "DIGEST-MD5 as 'bob': the SASL mechanism could not go on");
        io.restart();
        io.run();
        REQUIRE(r);
        return std::move(*r);
    }

    boost::asio::io_context io;
    std::unique_ptr<runtime::sasl_exchange> user;
};

}    // namespace

TEST_SUITE_BEGIN("SASL exchange");

TEST_CASE("it waits for the server's challenge, and answers it without the password") {
    exchange x;
    const auto first = x.step("");
    CHECK(!first.ec);
    CHECK(first.token == std::string());
    CHECK(!first.complete);
    const auto second = x.step(challenge);
    CHECK(!second.ec);
    CHECK(!second.complete);
    REQUIRE(second.token);
    CAPTURE(*second.token);
    CHECK(second.token->find("username=\"bob\"") != std::string::npos);
    CHECK(second.token->find("digest-uri=\"zookeeper/zk-sasl-md5\"") != std::string::npos);
    CHECK(second.token->find("qop=auth") != std::string::npos);
    CHECK(second.token->find("sesame-4711") == std::string::npos);
}

TEST_CASE("a server that does not know the password is not trusted") {
    exchange x;
    x.step("");
    x.step(challenge);
    const auto last = x.step("rspauth=00000000000000000000000000000000");
    CHECK(last.ec == sasl_errc::server_untrusted);
    CAPTURE(last.said);
    CHECK(!last.said.empty());
    CHECK(last.said.find("sesame-4711") == std::string::npos);
    CHECK(x.user->explanation(last.ec) == "DIGEST-MD5 as 'bob': the server could not prove that it knows the password");
}

TEST_CASE("what makes no sense ends the exchange, and is told") {
    exchange x;
    x.step("");
    const auto r = x.step("who are you?");
    CHECK(r.ec == sasl_errc::step_failed);
    CHECK(!r.token);
    CHECK(!r.said.empty());
    CHECK(x.user->explanation(r.ec) == "DIGEST-MD5 as 'bob': the SASL mechanism could not go on");
}

TEST_CASE("an exchange that is destroyed lets its step end") {
    exchange x;
    std::optional<step_result> r;
    x.user->async_step("", [&r](error_code ec, std::optional<std::string> token, bool complete, std::string said) {
        r.emplace(ec, std::move(token), complete, std::move(said));
    });
    x.user.reset();
    x.io.run();
    REQUIRE(r);
    CHECK(!r->ec);
}

TEST_SUITE_END();
