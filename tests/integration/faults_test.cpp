// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The network between a client and a real ensemble does what networks do. Whatever it is: what was acknowledged is there, what
// was not sent is not, nothing is applied twice, every operation completes, and a watcher misses nothing without being told.
#include <muster/zk/client.hpp>

#include "support/fault_proxy.hpp"
#include "support/loop.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

using namespace muster::test;
using namespace std::chrono_literals;
using muster::error_code;
namespace asio = boost::asio;
namespace zk = muster::zk;

namespace {

constexpr auto quietly = asio::as_tuple(asio::use_awaitable);
constexpr auto session_timeout = 8s;
// And another connection is made.
constexpr auto noticed_within =
    std::chrono::milliseconds(session_timeout) * 2 / 3 + std::chrono::milliseconds(session_timeout) / 4;

zk_ensemble& ensemble() {
    static zk_ensemble e;
    e.start();
    return e;
}

/// Creates one znode after the other below `root`, several at a time, and keeps what became of each.
class writer {
public:
    static constexpr std::size_t at_a_time = 8;

    writer(zk::client& c, std::string root) : client_(c), root_(std::move(root)) {}

    void start() {
        for (std::size_t i = 0; i != at_a_time; ++i) create();
    }
    void stop() { stopped_ = true; }
    bool idle() const { return under_way_ == 0; }
    std::size_t acknowledged() const { return acknowledged_.size(); }

    void check(const std::set<std::string>& there) const {
        for (const auto& name : acknowledged_) CHECK_MESSAGE(there.contains(name), name << " was acknowledged");
        for (const auto& name : not_sent_) CHECK_MESSAGE(!there.contains(name), name << " was not sent");
        for (const auto& [name, completions] : completions_) CHECK_MESSAGE(completions == 1, name);
        CHECK(refused_ == 0);
        MESSAGE(acknowledged_.size() << " creates acknowledged, " << unknown_ << " unknown, " << not_sent_.size() << " not sent");
    }

private:
    void create() {
        if (stopped_) return;
        ++under_way_;
        std::string name = std::to_string(++last_);
        completions_[name] = 0;
        client_.create(root_ + "/" + name, "x", zk::create_mode::persistent,
                       [this, name](const error_code& ec, const zk::create_result&) {
                           --under_way_;
                           ++completions_[name];
                           if (!ec) {
                               acknowledged_.insert(name);
                           } else if (zk::outcome_of(ec) == zk::outcome::not_sent) {
                               not_sent_.insert(name);
                           } else if (zk::outcome_of(ec) == zk::outcome::unknown) {
                               ++unknown_;
                           } else {
                               ++refused_;
                           }
                           create();
                       });
    }

    zk::client& client_;
    const std::string root_;
    bool stopped_ = false;
    std::size_t last_ = 0, under_way_ = 0, unknown_ = 0, refused_ = 0;
    std::set<std::string> acknowledged_, not_sent_;
    std::map<std::string, int> completions_;
};

struct net {
    loop l;
    std::array<std::unique_ptr<fault_proxy>, zk_ensemble::size> proxies;

    net() {
        for (std::size_t i = 0; i != proxies.size(); ++i) proxies[i] = std::make_unique<fault_proxy>(l.io, ensemble()[i].port());
    }
    std::string connect_string() const {
        std::string all;
        for (const auto& p : proxies) all += (all.empty() ? "" : ",") + p->connect_string();
        return all;
    }
    fault_proxy& in_use() {
        for (const auto& p : proxies) {
            if (p->connections() != 0) return *p;
        }
        FAIL("no connection stands");
        return *proxies.front();
    }
    template <class F>
    void each(F f) {
        for (const auto& p : proxies) f(*p);
    }
};

/// Keeps the children of a znode by what a persistent-recursive watcher is told: reads them when it is told to, and adds those
/// that events name.
struct observer {
    observer(zk::client& c, std::string r) : client(c), root(std::move(r)) {}

    zk::client& client;
    const std::string root;
    bool watching = false;
    std::set<std::string> known{}, told{};
    std::size_t told_twice = 0, resyncs = 0;

    asio::awaitable<void> follow() {
        zk::watcher w = co_await client.add_watch(root, zk::add_watch_mode::persistent_recursive, asio::use_awaitable);
        watching = true;
        for (;;) {
            const auto [ec, e] = co_await w.next(quietly);
            if (ec) co_return;
            if (e.type == zk::event_type::resync) {
                ++resyncs;
                auto list = co_await client.children(root, asio::use_awaitable);
                known.insert(list.names.begin(), list.names.end());
            } else if (e.type == zk::event_type::created && e.path.size() > root.size()) {
                const std::string name = e.path.substr(root.size() + 1);
                known.insert(name);
                if (!told.insert(name).second) ++told_twice;
            }
        }
    }
};

/// A client that writes and watches, before, while and after `fault` is done to its network.
template <class Fault>
zk::client_metrics live_through(const std::string& name, Fault fault) {
    net n;
    const std::string root = "/" + name;
    zk::config cfg(n.connect_string());
    cfg.session_timeout = session_timeout;
    zk::client client(n.l.io, cfg);
    zk::client direct(n.l.io, ensemble().connect_string());
    n.l.run([](zk::client& c, std::string path) -> asio::awaitable<void> {
        co_await c.create(path, "", zk::create_mode::persistent, asio::use_awaitable);
    }(direct, root));

    observer seen(client, root);
    asio::co_spawn(n.l.io, seen.follow(), [](const std::exception_ptr& e) { CHECK(!e); });
    REQUIRE(n.l.until([&] { return seen.watching; }));
    writer w(client, root);
    w.start();
    REQUIRE(n.l.until([&] { return w.acknowledged() >= 50; }));
    const auto id = client.session().id;
    const auto before = client.metrics();
    fault(n, w, client);
    n.each([](fault_proxy& p) { p.heal(); });
    const auto healed = w.acknowledged();
    REQUIRE(n.l.until([&] { return w.acknowledged() >= healed + 100; }));
    w.stop();
    REQUIRE(n.l.until([&] { return w.idle(); }));
    auto after = client.metrics();
    CHECK(client.session().id == id);

    const auto names = n.l.run([](zk::client& c, std::string path) -> asio::awaitable<zk::children_result> {
                              co_await c.sync(path, asio::use_awaitable);
                              co_return co_await c.children(path, asio::use_awaitable);
                          }(direct, root))
                           .names;
    const std::set<std::string> there(names.begin(), names.end());
    w.check(there);
    CHECK(n.l.until([&] { return seen.known == there; }));
    CHECK(seen.told_twice == 0);
    CHECK(seen.resyncs == after.connects - before.connects);
    n.l.run([](zk::client& a, zk::client& b) -> asio::awaitable<void> {
        co_await a.close(asio::use_awaitable);
        co_await b.close(asio::use_awaitable);
    }(client, direct));
    after.connects -= before.connects;
    return after;
}

}    // namespace

TEST_CASE("the connection is reset, again and again") {
    const auto m = live_through("reset", [](net& n, writer& w, zk::client& c) {
        for (int i = 0; i != 10; ++i) {
            const auto connects = c.metrics().connects;
            n.in_use().reset();
            const auto done = w.acknowledged();
            REQUIRE(n.l.until([&] { return c.metrics().connects > connects && w.acknowledged() >= done + 10; }));
        }
    });
    CHECK(m.connects >= 10);
}

TEST_CASE("the server in use falls silent: the next one is asked within two thirds of the timeout") {
    const auto m = live_through("silent", [](net& n, writer& w, zk::client& c) {
        const auto connects = c.metrics().connects;
        n.in_use().black_hole(true);
        const auto begin = std::chrono::steady_clock::now();
        REQUIRE(n.l.until([&] { return c.metrics().connects > connects; }));
        CHECK(std::chrono::steady_clock::now() - begin < noticed_within);
        const auto done = w.acknowledged();
        REQUIRE(n.l.until([&] { return w.acknowledged() >= done + 20; }));
    });
    CHECK(m.connects == 1);
}

TEST_CASE("the connection is dropped without a word: another one is made within two thirds of the timeout") {
    const auto m = live_through("dropped", [](net& n, writer& w, zk::client& c) {
        for (int i = 0; i != 2; ++i) {
            const auto connects = c.metrics().connects;
            const auto done = w.acknowledged();
            n.each([](fault_proxy& p) { p.drop(); });
            const auto begin = std::chrono::steady_clock::now();
            REQUIRE(n.l.until([&] { return c.metrics().connects > connects; }));
            CHECK(std::chrono::steady_clock::now() - begin < noticed_within);
            REQUIRE(n.l.until([&] { return w.acknowledged() >= done + 20; }));
        }
    });
    CHECK(m.connects == 2);
}

TEST_CASE("all servers fall silent for less than the session lives") {
    const auto m = live_through("all_silent", [](net& n, writer&, zk::client& c) {
        n.each([](fault_proxy& p) { p.black_hole(true); });
        REQUIRE(n.l.until([&] { return c.session().state == zk::session_state::suspended; }));
    });
    CHECK(m.connects == 1);
}

TEST_CASE("a slow network costs time and nothing else") {
    const auto m = live_through("slow", [](net& n, writer& w, zk::client&) {
        n.each([](fault_proxy& p) { p.delay(100ms); });
        const auto done = w.acknowledged();
        REQUIRE(n.l.until([&] { return w.acknowledged() >= done + 50; }));
    });
    CHECK(m.connects == 0);
}

TEST_CASE("bytes come one at a time") {
    const auto m = live_through("trickle", [](net& n, writer& w, zk::client& c) {
        n.each([](fault_proxy& p) { p.trickle(true); });
        const auto done = w.acknowledged();
        REQUIRE(n.l.until([&] { return w.acknowledged() >= done + 50; }));
        // A handshake too.
        const auto connects = c.metrics().connects;
        n.in_use().reset();
        REQUIRE(n.l.until([&] { return c.metrics().connects > connects && w.acknowledged() >= done + 100; }));
    });
    CHECK(m.connects == 1);
}

TEST_CASE("a frame is cut in its middle, at every byte of its beginning") {
    for (const auto d : {fault_proxy::to_server, fault_proxy::to_client}) {
        const auto m =
            live_through(d == fault_proxy::to_server ? "cut_requests" : "cut_replies", [d](net& n, writer& w, zk::client& c) {
                for (std::size_t bytes = 1; bytes <= 24; ++bytes) {
                    const auto connects = c.metrics().connects;
                    n.in_use().cut_after(d, bytes);
                    const auto done = w.acknowledged();
                    REQUIRE(n.l.until([&] { return c.metrics().connects > connects && w.acknowledged() >= done + 3; }));
                }
            });
        CHECK(m.connects >= 24);
    }
}

TEST_CASE("every connection is refused for a while, and the one that stands is reset") {
    const auto m = live_through("refused", [](net& n, writer&, zk::client& c) {
        const auto failures = c.metrics().connect_failures;
        n.each([](fault_proxy& p) {
            p.refuse(true);
            p.reset();
        });
        REQUIRE(n.l.until([&] { return c.metrics().connect_failures >= failures + 6; }));
    });
    CHECK(m.connects == 1);
}
