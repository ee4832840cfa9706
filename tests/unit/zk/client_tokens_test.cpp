// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Completion tokens, executors and cancellation.
#include "client_fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <functional>
#include <future>
#include <variant>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: tokens");

namespace {

proto::get_data_response data(const char* text) {
    proto::get_data_response r;
    r.data = text;
    return r;
}

}    // namespace

TEST_CASE("a callback is never called inline") {
    fixture f;
    f.attach();
    outcome<zk::get_result> got;
    f.client.get("/a", got.handler());
    outcome<zk::get_result> invalid;
    f.client.get("a", invalid.handler());
    CHECK(!invalid.done());
    f.reply(f.request(), 0, data("x"));
    CHECK(got.value().data == "x");
    CHECK(invalid.ec() == client_errc::invalid_path);
}

TEST_CASE("a future") {
    fixture f;
    f.attach();
    auto got = f.client.get("/a", asio::use_future);
    auto failed = f.client.get("/b", asio::use_future);
    for (const auto& r : f.requests()) f.server.reply(r.xid, r.xid == 1 ? 0 : -101, data("x"));
    f.sim.run_ready();
    CHECK(got.get().data == "x");
    CHECK_THROWS_AS(failed.get(), boost::system::system_error);
}

TEST_CASE("coroutines: by default, with as_tuple, with use_awaitable, and watchers") {
    fixture f;
    f.attach();
    std::vector<std::string> log;
    const auto work = [&]() -> asio::awaitable<void> {
        const auto a = co_await f.client.get("/a");
        log.push_back(a.data);
        const auto [ec, b] = co_await f.client.get("/b", asio::as_tuple(asio::deferred));
        log.push_back(ec.message());
        try {
            co_await f.client.get("/c", asio::use_awaitable);
        } catch (const boost::system::system_error& e) {
            log.push_back(e.code().message());
        }
        auto [ec2, d, w] = co_await f.client.get_and_watch("/d", asio::as_tuple(asio::deferred));
        const auto e = co_await w.next();
        log.push_back(e.path);
        log.push_back((co_await f.client.get("/e")).data);
    };
    asio::co_spawn(f.sim.io, work(), asio::detached);
    f.reply(f.request(), 0, data("x"));
    f.reply(f.request(), -101);
    f.reply(f.request(), -102);
    f.reply(f.request(), 0, data("d"));
    f.server.event(3, "/d");
    f.reply(f.request(), 0, data("e"));
    CHECK(log == std::vector<std::string>{"x", error_code(server_errc::no_node).message(),
                                          error_code(server_errc::no_auth).message(), "/d", "e"});
}

TEST_CASE("coroutines: the loser of || is cancelled") {
    using namespace asio::experimental::awaitable_operators;
    fixture f;
    f.attach();
    std::size_t winner = 99;
    const auto work = [&]() -> asio::awaitable<void> {
        auto result = co_await (f.client.get("/slow", asio::use_awaitable) || f.client.exists("/fast", asio::use_awaitable));
        winner = result.index();
    };
    asio::co_spawn(f.sim.io, work(), asio::detached);
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    const bool first_is_get = sent[0].is(opcode::get_data);
    CHECK(first_is_get);
    // FIFO: the slow one is answered with an error, which does not win.
    f.reply(sent[0], -101);
    CHECK(winner == 99);
    f.reply(sent[1], 0, proto::stat_response());
    CHECK(winner == 1);
}

TEST_CASE("coroutines: || with a watcher that never fires") {
    using namespace asio::experimental::awaitable_operators;
    fixture f;
    f.attach();
    std::size_t winner = 99;
    const auto work = [&]() -> asio::awaitable<void> {
        auto [ec, d, w] = co_await f.client.get_and_watch("/d", asio::as_tuple(asio::deferred));
        auto result = co_await (w.next(asio::use_awaitable) || f.client.sync("/", asio::use_awaitable));
        winner = result.index();
    };
    asio::co_spawn(f.sim.io, work(), asio::detached);
    f.reply(f.request(), 0, data("d"));
    f.reply(f.request(), 0, proto::path_response());
    CHECK(winner == 1);
}

TEST_CASE("the associated executor is used, in order") {
    fixture f;
    f.attach();
    const auto strand = asio::make_strand(f.sim.io);
    std::vector<int> order;
    for (int i = 0; i != 20; ++i) {
        f.client.get("/a", asio::bind_executor(strand, [&order, strand, i](error_code, const zk::get_result&) {
                         CHECK(strand.running_in_this_thread());
                         order.push_back(i);
                     }));
    }
    for (const auto& r : f.requests()) f.server.reply(r.xid, 0, data("x"));
    f.sim.run_ready();
    REQUIRE(order.size() == 20);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a handler of another context runs there") {
    asio::io_context other;
    fixture f;
    f.attach();
    outcome<zk::get_result> got;
    f.client.get("/a", asio::bind_executor(other, got.handler()));
    CHECK(other.poll() == 0);
    CHECK(!other.stopped());    // it has work: the handler will come
    f.reply(f.request(), 0, data("x"));
    CHECK(!got.done());
    other.run();
    CHECK(got.value().data == "x");
}

namespace {

using slot = asio::cancellation_slot;
using start_operation = std::function<void(zk::client&, slot, std::function<void(error_code)>)>;

/// Every operation, by its name.
std::vector<std::pair<const char*, start_operation>> all_operations() {
    const auto bind = [](slot s, std::function<void(error_code)> done) {
        return asio::bind_cancellation_slot(s, [done = std::move(done)](error_code ec, auto&&...) { done(ec); });
    };
    return {
        {"create", [=](auto& c, slot s, auto d) { c.create("/a", "", {}, bind(s, d)); }},
        {"remove", [=](auto& c, slot s, auto d) { c.remove("/a", -1, bind(s, d)); }},
        {"exists", [=](auto& c, slot s, auto d) { c.exists("/a", bind(s, d)); }},
        {"exists_and_watch", [=](auto& c, slot s, auto d) { c.exists_and_watch("/a", bind(s, d)); }},
        {"get", [=](auto& c, slot s, auto d) { c.get("/a", bind(s, d)); }},
        {"get_and_watch", [=](auto& c, slot s, auto d) { c.get_and_watch("/a", bind(s, d)); }},
        {"set", [=](auto& c, slot s, auto d) { c.set("/a", "", -1, bind(s, d)); }},
        {"children", [=](auto& c, slot s, auto d) { c.children("/a", bind(s, d)); }},
        {"children_and_watch", [=](auto& c, slot s, auto d) { c.children_and_watch("/a", bind(s, d)); }},
        {"sync", [=](auto& c, slot s, auto d) { c.sync("/a", bind(s, d)); }},
        {"multi", [=](auto& c, slot s, auto d) { c.multi(zk::transaction().remove("/a"), bind(s, d)); }},
        {"multi_read", [=](auto& c, slot s, auto d) { c.multi_read(zk::read_batch().get("/a"), bind(s, d)); }},
        {"check", [=](auto& c, slot s, auto d) { c.check("/a", -1, bind(s, d)); }},
        {"ephemerals", [=](auto& c, slot s, auto d) { c.ephemerals("/", bind(s, d)); }},
        {"all_children_number", [=](auto& c, slot s, auto d) { c.all_children_number("/a", bind(s, d)); }},
        {"get_acl", [=](auto& c, slot s, auto d) { c.get_acl("/a", bind(s, d)); }},
        {"set_acl", [=](auto& c, slot s, auto d) { c.set_acl("/a", {}, -1, bind(s, d)); }},
        {"add_auth", [=](auto& c, slot s, auto d) { c.add_auth("digest", "a:b", bind(s, d)); }},
        {"who_am_i", [=](auto& c, slot s, auto d) { c.who_am_i(bind(s, d)); }},
        {"get_config", [=](auto& c, slot s, auto d) { c.get_config(bind(s, d)); }},
        {"get_config_and_watch", [=](auto& c, slot s, auto d) { c.get_config_and_watch(bind(s, d)); }},
        {"reconfig", [=](auto& c, slot s, auto d) { c.reconfig(zk::reconfiguration(), bind(s, d)); }},
        {"check_watches", [=](auto& c, slot s, auto d) { c.check_watches("/a", zk::watch_type::any, bind(s, d)); }},
        {"remove_watches", [=](auto& c, slot s, auto d) { c.remove_watches("/a", bind(s, d)); }},
        {"add_watch", [=](auto& c, slot s, auto d) { c.add_watch("/a", zk::add_watch_mode::persistent, bind(s, d)); }},
        {"create_protected", [=](auto& c, slot s, auto d) { c.create_protected("/a", "", {}, bind(s, d)); }},
        {"set_guarded", [=](auto& c, slot s, auto d) { c.set_guarded("/a", "", -1, bind(s, d)); }},
        {"remove_guarded", [=](auto& c, slot s, auto d) { c.remove_guarded("/a", -1, bind(s, d)); }},
        {"set_acl_guarded", [=](auto& c, slot s, auto d) { c.set_acl_guarded("/a", {}, -1, bind(s, d)); }},
    };
}

}    // namespace

TEST_CASE("every operation can be cancelled before it was written: it never is") {
    for (const auto& [name, start] : all_operations()) {
        CAPTURE(name);
        fixture f;
        f.client.start();
        f.sim.run_ready();    // connected, not yet greeted
        asio::cancellation_signal signal;
        std::vector<error_code> done;
        start(f.client, signal.slot(), [&](error_code ec) { done.push_back(ec); });
        f.sim.run_ready();
        signal.emit(asio::cancellation_type::terminal);
        CHECK(done.empty());
        f.sim.run_ready();
        CHECK(done == std::vector<error_code>{asio::error::operation_aborted});
        f.attach();
        CHECK(f.requests().empty());
        // At the moment it is made.
        start(f.client, signal.slot(), [&](error_code ec) { done.push_back(ec); });
        signal.emit(asio::cancellation_type::total);
        f.sim.run_ready();
        CHECK(done.size() == 2);
    }
}

TEST_CASE("every operation can be cancelled after it was written: its reply is dropped") {
    for (const auto& [name, start] : all_operations()) {
        CAPTURE(name);
        fixture f;
        f.attach();
        asio::cancellation_signal signal;
        std::vector<error_code> done;
        start(f.client, signal.slot(), [&](error_code ec) { done.push_back(ec); });
        const auto r = f.request();
        signal.emit(asio::cancellation_type::partial);
        f.sim.run_ready();
        CHECK(done == std::vector<error_code>{asio::error::operation_aborted});
        CHECK(zk::outcome_of(done.front()) == zk::outcome::unknown);
        outcome<zk::get_result> next;
        f.client.get("/b", next.handler());
        const auto n = f.request();
        f.reply(r, -102);
        f.reply(n, 0, data("x"));
        CHECK(next.value().data == "x");
        CHECK(done.size() == 1);
        signal.emit(asio::cancellation_type::terminal);    // late
        f.sim.run_ready();
        CHECK(done.size() == 1);
        CHECK(!f.server.peer->closed());
    }
}

TEST_CASE("R43: every operation completes with closed after close") {
    fixture f;
    f.attach();
    outcome<> closed;
    f.client.close(closed.handler());
    f.reply(f.request(), 0);
    CHECK(!closed.ec());
    CHECK(f.server.peer->closed());
    for (const auto& [name, start] : all_operations()) {
        CAPTURE(name);
        asio::cancellation_signal signal;
        std::vector<error_code> done;
        start(f.client, signal.slot(), [&](error_code ec) { done.push_back(ec); });
        CHECK(done.empty());
        f.sim.run_ready();
        CHECK(done == std::vector<error_code>{client_errc::closed});
    }
}

TEST_SUITE_END();
