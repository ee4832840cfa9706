// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/error.hpp>

#include <doctest/doctest.h>

#include <boost/system/errc.hpp>

#include <limits>
#include <set>
#include <string>
#include <vector>

using namespace muster::zk;
using muster::error_code;

namespace {

const std::vector<int> server_numbers{-1,   -2,   -3,   -4,   -5,   -6,   -7,   -8,   -12,  -13,  -14,
                                      -100, -101, -102, -103, -108, -110, -111, -112, -113, -114, -115,
                                      -118, -119, -120, -121, -122, -123, -124, -125, -127};

void check_messages(const boost::system::error_category& category, const std::vector<int>& numbers) {
    std::set<std::string> messages;
    for (const int number : numbers) {
        const auto message = category.message(number);
        INFO(category.name(), " ", number, ": ", message);
        CHECK(message.size() > 10);
        CHECK(message.find("unknown error") == message.npos);
        CHECK(messages.insert(message).second);
    }
}

}    // namespace

TEST_CASE("error codes compare with their enums") {
    const error_code ec = server_errc::no_node;
    CHECK(ec == server_errc::no_node);
    CHECK(ec != server_errc::node_exists);
    CHECK(ec.value() == -101);
    CHECK(ec.failed());
    CHECK(ec.category() == server_category());
    CHECK(error_code(-101, server_category()) == server_errc::no_node);

    CHECK(error_code(client_errc::not_sent) == client_errc::not_sent);
    CHECK(error_code(protocol_errc::truncated) == protocol_errc::truncated);
    CHECK(error_code(client_errc::connection_lost) != protocol_errc::truncated);    // both are 1
    CHECK(server_category() != client_category());
    CHECK(client_category() != protocol_category());
    CHECK(tls_category() != protocol_category());
    CHECK(error_code(tls_errc::not_tls) == tls_errc::not_tls);
    CHECK(!error_code(0, server_category()).failed());
}

TEST_CASE("every error has a message of its own") {
    check_messages(server_category(), server_numbers);
    check_messages(client_category(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    check_messages(protocol_category(), {1, 2, 3, 4, 5, 6, 7});
    check_messages(tls_category(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(error_code(server_errc::no_node).message() == "the znode does not exist");
    CHECK(server_category().message(0) == "success");
}

TEST_CASE("unknown numbers are errors like others") {
    for (const int number :
         {-9, -104, -126, -128, -9999, 1, 42, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
        const error_code ec(number, server_category());
        CHECK(ec.failed());
        CHECK(ec.message() == "unknown error " + std::to_string(number));
        CHECK(outcome_of(ec) == outcome::unknown);
    }
    CHECK(client_category().message(99) == "unknown error 99");
    CHECK(protocol_category().message(-1) == "unknown error -1");
}

TEST_CASE("the outcome of requests that the server answered") {
    const std::set<int> unknown{-1, -4, -7, -118, -122};
    for (const int number : server_numbers) {
        INFO("server error ", number);
        CHECK(outcome_of(error_code(number, server_category())) ==
              (unknown.contains(number) ? outcome::unknown : outcome::rejected));
    }
}

TEST_CASE("the outcome of requests that were not answered") {
    for (const auto e : {client_errc::not_sent, client_errc::session_expired, client_errc::closed, client_errc::invalid_path,
                         client_errc::invalid_argument, client_errc::invalid_connect_string, client_errc::request_too_large}) {
        INFO(error_code(e).message());
        CHECK(outcome_of(e) == outcome::not_sent);
    }
    for (const auto e :
         {client_errc::connection_lost, client_errc::close_timed_out, client_errc::watch_ended, client_errc::timed_out}) {
        INFO(error_code(e).message());
        CHECK(outcome_of(e) == outcome::unknown);
    }
    CHECK(outcome_of(protocol_errc::truncated) == outcome::unknown);
    CHECK(outcome_of(protocol_errc::bad_multi) == outcome::unknown);
    CHECK(outcome_of(tls_errc::wrong_host_name) == outcome::not_sent);
    CHECK(outcome_of(error_code(boost::system::errc::operation_canceled, boost::system::system_category())) == outcome::unknown);
}
