// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A registrar against a real ZooKeeper.
#include "registry_fixture.hpp"
#include "support/median.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/thread_pool.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

TEST_CASE("an instance registers, updates in place and leaves, with a session of its own and with a shared one") {
    for (const bool shared : {false, true}) {
        CAPTURE(shared);
        asio::io_context ctx;
        looker look(ctx);
        zk::client session(ctx, config());
        const std::string service = shared ? "one-shared" : "one";
        const std::string path = "/micro-service/" + service + "/master";
        auto d = described(service, 50000);
        std::optional<registrar> r;
        if (shared)
            r.emplace(session, d);
        else
            r.emplace(ctx, config(), d);
        CHECK_FALSE(start(ctx, *r));
        const auto status = r->status();
        CHECK(status.role == role::master);
        CHECK(status.path == path);
        CHECK(status.registrations == 1);
        CHECK(status.session.id != 0);
        CHECK(status.session.safe_until > std::chrono::steady_clock::now());
        auto node = look.get(path);
        REQUIRE(node);
        CHECK(node->data == R"({"serverip":"127.0.0.1","serverport":50000,"username":"","userpwd":"","serveruniquecode":)"
                            R"("code-50000","weight":1})");
        CHECK(node->stat.ephemeral_owner == status.session.id);
        CHECK(node->stat.czxid == status.czxid);

        d.instance.weight = 7;
        CHECK_FALSE(wait_for(ctx, [&](auto h) { r->update(d.instance, h); }));
        node = look.get(path);
        CHECK(node->data.ends_with("\"weight\":7}"));
        CHECK(node->stat.version == 1);
        CHECK(node->stat.czxid == status.czxid);

        CHECK_FALSE(close(ctx, *r));
        CHECK(look.children("/micro-service/" + service).empty());
        CHECK(r->status().closed);
        CHECK(r->role() == role::none);
        CHECK(start(ctx, *r) == registry_errc::closed);
        CHECK_FALSE(close(ctx, *r));
    }
}

TEST_CASE("what cannot be registered is refused at once") {
    asio::io_context ctx;
    const auto refused = [&](registration d) {
        registrar r(ctx, zk::config("127.0.0.1:1"), std::move(d));
        return start(ctx, r);
    };
    CHECK(refused(described("a/b", 1)) == registry_errc::invalid_name);
    CHECK(refused(described("", 1)) == registry_errc::invalid_name);
    CHECK(refused(described("s", 0)) == registry_errc::invalid_instance);
    auto d = described("s", 1);
    d.prefix = "..";
    CHECK(refused(d) == registry_errc::invalid_name);
    d = described("s", 1);
    d.instance.metadata["large"] = std::string(70'000, 'x');
    CHECK(refused(d) == registry_errc::invalid_instance);
}

TEST_CASE("the longest registered normal follows a master that leaves, and waits for nobody") {
    asio::io_context ctx;
    looker look(ctx);
    std::vector<std::unique_ptr<registrar>> all;
    for (std::uint16_t i = 0; i < 4; ++i) {
        auto d = described("four", static_cast<std::uint16_t>(1 + i));
        d.promotion_step = 5s;    // what the others wait, however slow this machine is
        all.push_back(std::make_unique<registrar>(ctx, config(), std::move(d)));
        CHECK_FALSE(start(ctx, *all.back()));
    }
    CHECK(look.children("/micro-service/four").size() == 4);
    std::optional<registration_status> status;
    const auto before = all[1]->status().version;
    all[1]->status_change(before, [&](error_code, registration_status s) { status = s; });
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(close(ctx, *all[0]));
    // The role is set a moment before those who wait for the change are called.
    REQUIRE(run_until(ctx, [&] { return all[1]->role() == role::master && status; }));
    CHECK(std::chrono::steady_clock::now() - begin < 4s);
    CHECK(status->version > before);
    CHECK(all[1]->status().registrations == 2);
    CHECK(look.children("/micro-service/four").size() == 3);
    for (int i = 1; i < 4; ++i) CHECK_FALSE(close(ctx, *all[static_cast<std::size_t>(i)]));
    CHECK(look.children("/micro-service/four").empty());
}

TEST_CASE("R20: a znode deleted by hand is back within a second") {
    asio::io_context ctx;
    looker look(ctx);
    registrar a(ctx, config(), described("hand", 1));
    registrar b(ctx, config(), described("hand", 2));
    CHECK_FALSE(start(ctx, a));
    CHECK_FALSE(start(ctx, b));
    std::uint64_t registrations = 2;
    std::vector<std::chrono::steady_clock::duration> took;
    for (registrar* victim : {&a, &b, &a, &b, &a}) {
        const auto both = [&] {
            return a.status().registrations + b.status().registrations > registrations &&
                   look.children("/micro-service/hand").size() == 2 && a.role() != role::none && b.role() != role::none;
        };
        const auto begin = std::chrono::steady_clock::now();
        look.remove(victim->status().path);
        CHECK(run_until(ctx, both));
        took.push_back(std::chrono::steady_clock::now() - begin);
        registrations = a.status().registrations + b.status().registrations;
    }
    CHECK(median(took) < 1s);
    CHECK(run_until(ctx, [&] { return (a.role() == role::master) != (b.role() == role::master); }));
}

TEST_CASE("after a session that ended the instance is back by itself, once") {
    asio::io_context ctx;
    zk_server own;
    own.start();
    zk::config c(own.connect_string());
    c.session_timeout = 4s;
    registrar a(ctx, c, described("expiry", 1));
    CHECK_FALSE(start(ctx, a));
    const auto first = a.status();

    // The server stands still for longer than the client's own clock allows, and still knows the old session afterwards.
    own.pause();
    REQUIRE(run_until(ctx, [&] { return a.status().session.state == zk::session_state::expired; }));
    CHECK(a.role() == role::none);
    own.resume();
    REQUIRE(run_until(ctx, [&] { return a.role() == role::master; }));
    CHECK(a.status().session.id != first.session.id);

    zk::client look(ctx, c);
    const auto until = std::chrono::steady_clock::now() + 7s;    // the old session is gone by then
    run_until(ctx, [&] { return std::chrono::steady_clock::now() > until; });
    std::optional<zk::get_result> node;
    wait_for(ctx, [&](auto h) {
        look.get("/micro-service/expiry/master", [&node, h](error_code ec, zk::get_result g) mutable {
            node = g;
            h(ec);
        });
    });
    CHECK(node->stat.ephemeral_owner == a.status().session.id);
    CHECK(a.role() == role::master);
    CHECK(a.status().registrations == 2);
}

TEST_CASE("closing without a server ends in time and says so") {
    asio::io_context ctx;
    zk_server own;
    own.start();
    zk::config c(own.connect_string());
    c.close_timeout = 300ms;
    zk::client session(ctx, c);
    registrar a(session, described("gone", 1));
    registrar b(ctx, c, described("gone", 2));
    CHECK_FALSE(start(ctx, a));
    CHECK_FALSE(start(ctx, b));
    own.kill();
    REQUIRE(run_until(ctx, [&] { return session.session().state == zk::session_state::suspended; }));
    CHECK(close(ctx, a) == zk::client_errc::close_timed_out);
    CHECK(close(ctx, b) == zk::client_errc::close_timed_out);
}

TEST_CASE("waiting can be given up; registering goes on") {
    asio::io_context ctx;
    registrar r(ctx, config(), described("cancel", 1));
    asio::cancellation_signal signal;
    std::optional<error_code> result;
    r.start(asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) { result = ec; }));
    signal.emit(asio::cancellation_type::terminal);
    REQUIRE(run_until(ctx, [&] { return result.has_value(); }));
    CHECK(*result == asio::error::operation_aborted);
    REQUIRE(run_until(ctx, [&] { return r.role() == role::master; }));

    std::optional<error_code> waited;
    r.status_change(r.status().version + 100,
                    asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, registration_status) { waited = ec; }));
    signal.emit(asio::cancellation_type::total);
    REQUIRE(run_until(ctx, [&] { return waited.has_value(); }));
    CHECK(*waited == asio::error::operation_aborted);
    CHECK_FALSE(close(ctx, r));
}

TEST_CASE("a registrar can be destroyed at any time, also in its own handler, and each handler is called once") {
    asio::io_context ctx;
    int called = 0;
    for (int i = 0; i < 60; ++i) {
        auto r = std::make_unique<registrar>(ctx, config(), described("destroy", static_cast<std::uint16_t>(1 + i)));
        r->start([&called](error_code) { ++called; });
        r->status_change(1'000, [&called](error_code, registration_status) { ++called; });
        auto i2 = described("destroy", static_cast<std::uint16_t>(1 + i)).instance;
        i2.weight = 5;
        r->update(i2, [&called](error_code) { ++called; });
        ctx.restart();
        ctx.run_for(std::chrono::microseconds(150 * i));
        r.reset();
    }
    REQUIRE(run_until(ctx, [&] { return called == 180; }));

    std::unique_ptr<registrar> inside = std::make_unique<registrar>(ctx, config(), described("inside", 1));
    inside->start([&](error_code) { inside.reset(); });
    REQUIRE(run_until(ctx, [&] { return inside == nullptr; }));

    // Handlers that own the registrar do not keep it alive beyond its context.
    auto token = std::make_shared<int>(0);
    const std::weak_ptr<int> alive = token;
    {
        asio::io_context other;
        auto r = std::make_shared<registrar>(other, config(), described("owned", 1));
        r->start([r, token](error_code) {});
        r->status_change(1'000, [r, token](error_code, registration_status) {});
        token.reset();
        r.reset();
        other.run_for(50ms);
    }
    CHECK(alive.expired());
}

TEST_CASE("handlers run on their executor") {
    asio::io_context ctx;
    asio::thread_pool pool(1);
    registrar r(ctx, config(), described("executor", 1));
    std::atomic<bool> done = false;
    std::atomic<bool> right = false;
    r.start(asio::bind_executor(pool, [&](error_code) {
        right = pool.get_executor().running_in_this_thread();
        done = true;
    }));
    REQUIRE(run_until(ctx, [&] { return done.load(); }));
    CHECK(right.load());
    CHECK_FALSE(close(ctx, r));
}

}    // namespace muster::test
