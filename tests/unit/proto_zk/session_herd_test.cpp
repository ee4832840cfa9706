// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Many sessions that lose their server at the same moment.
#include "session_fixture.hpp"

#include <muster/zk/config.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: herds");

namespace {

constexpr std::size_t clients = 2000;
constexpr double uneven = 1.4;    // what chance does to a tenth of them

proto::session_settings defaults(std::size_t hosts) {
    const zk::config c;
    auto s = settings_for_tests();
    s.timeout = c.session_timeout;
    s.backoff_min = c.backoff_min;
    s.backoff_max = c.backoff_max;
    s.hosts = hosts;
    return s;
}

struct attempt {
    std::chrono::milliseconds at;    // since the loss
    std::size_t client;
    std::size_t host;
};

/// The attempts of clients with seeds of their own, in the order of each, until so long after all lost their connections: no
/// server can be reached.
std::vector<attempt> outage(std::size_t hosts, std::chrono::milliseconds until) {
    std::vector<attempt> all;
    std::mt19937_64 engine(7);
    for (std::size_t i = 0; i != clients; ++i) {
        proto::session s(defaults(hosts), engine());
        proto::session::time_point now(1'000s);
        const auto connect = [&] {
            s.connecting(now);
            s.connected(now);
        };
        REQUIRE(s.next(now).what == machine::step::kind::connect);
        connect();
        std::string out;
        s.fill(out, 1024, now);
        const auto greeting = handshake_frame(1, 10s);
        std::copy(greeting.begin(), greeting.end(), s.read_buffer(greeting.size()).begin());
        REQUIRE(!s.received(greeting.size(), now));
        now += 2s;
        const auto lost = now;
        s.disconnected(machine::asio_eof(), now, engine());
        while (now - lost < until) {
            const auto st = s.next(now);
            if (st.what == machine::step::kind::wait) {
                now = st.until;
                continue;
            }
            REQUIRE(st.what == machine::step::kind::connect);
            all.push_back({std::chrono::duration_cast<std::chrono::milliseconds>(now - lost), i, st.host});
            s.connecting(now);
            s.disconnected(error_code(1, boost::system::generic_category()), now, engine());
        }
    }
    return all;
}

/// How many of those that `wanted` names came in each tenth of a second.
template <class Predicate>
std::array<int, 10> tenths(const std::vector<attempt>& all, Predicate wanted) {
    std::array<int, 10> out{};
    for (const attempt& a : all) {
        if (wanted(a) && a.at < 1s) ++out[static_cast<std::size_t>(a.at / 100ms)];
    }
    return out;
}

}    // namespace

TEST_CASE("R32: after a loss each server is asked once at once, and from then on attempts spread evenly over a second") {
    for (const std::size_t hosts : {1U, 3U}) {
        CAPTURE(hosts);
        const auto all = outage(hosts, 1s);
        std::vector<std::size_t> at_once(clients);
        std::vector<std::size_t> per_host(hosts);
        std::vector<std::size_t> first(hosts);
        for (const attempt& a : all) {
            if (a.at != 0ms) continue;
            if (at_once[a.client]++ == 0) ++first[a.host];
            ++per_host[a.host];
        }
        for (const auto n : at_once) CHECK((n == hosts || n == 2 * hosts));    // 2: who drew less than a millisecond
        for (const auto n : per_host) CHECK(n < clients * 1.01);
        for (const auto n : first) CHECK(n < uneven * clients / static_cast<double>(hosts));
        // Then a round begins at a moment of the next second that each has drawn.
        std::vector<bool> seen(clients);
        const auto second_round = [&](const attempt& a) { return a.at != 0ms && !seen[a.client] && (seen[a.client] = true); };
        int sum = 0;
        for (const int n : tenths(all, second_round)) {
            CHECK(n < uneven * clients / 10);
            CHECK(n > clients / 10 / uneven);
            sum += n;
        }
        CHECK(sum > static_cast<int>(clients) * 98 / 100);
    }
}

TEST_CASE("R32: an outage does not bring them together again") {
    const auto all = outage(3, 8s);
    std::vector<int> slices(80);
    for (const attempt& a : all) {
        if (a.at >= 100ms && a.at < 8s) ++slices[static_cast<std::size_t>(a.at / 100ms)];
    }
    for (std::size_t i = 1; i != slices.size(); ++i) {
        CAPTURE(i);
        CHECK(slices[i] < 1100);    // of the 6000 that would come together; rounds overlap
        CHECK(slices[i] > 0);
    }
}

TEST_SUITE_END();
