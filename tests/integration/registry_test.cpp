// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrars and service views together, against a real ZooKeeper.
#include "registry_fixture.hpp"

#include "registry/view_driver.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace muster::test {

TEST_CASE("R20: a server that comes back within the timeout finds nothing to write") {
    asio::io_context ctx;
    zk_server own;
    own.start();
    zk::config c(own.connect_string());
    c.session_timeout = 9s;
    registrar a(ctx, c, described("back", 1));
    CHECK_FALSE(start(ctx, a));
    zk::client session(ctx, c);
    auto watcher = std::make_shared<seen>();
    registry::view_params p;
    p.service_path = "/micro-service/back";
    registry::view_driver view(ctx.get_executor(), session, p, watcher);
    view.start();
    REQUIRE(run_until(ctx, [&] { return watcher->last.known; }));
    CHECK(watcher->names() == "master ");
    const auto before = watcher->last.instances[0];
    const auto status = a.status();

    own.crash();
    REQUIRE(run_until(ctx, [&] { return watcher->last.stale; }));
    CHECK(watcher->names() == "master ");
    own.start();
    REQUIRE(run_until(ctx, [&] { return !watcher->last.stale; }));
    REQUIRE(run_until(ctx, [&] { return a.status().session.state == zk::session_state::connected; }));
    CHECK(watcher->last.instances[0] == before);
    CHECK(a.status().session.id == status.session.id);
    CHECK(a.status().czxid == status.czxid);
    CHECK(a.status().registrations == 1);

    // Its watches fire for what happens afterwards.
    registrar b(ctx, c, described("back", 2));
    CHECK_FALSE(start(ctx, b));
    CHECK(run_until(
        ctx, [&] { return watcher->last.instances.size() == 2; }, soon));
    CHECK_FALSE(close(ctx, a));
    CHECK(run_until(
        ctx, [&] { return b.role() == role::master && watcher->names() == "master "; }, soon));
    view.stop();
}

TEST_CASE("views and registrars agree under churn") {
    asio::io_context ctx;
    zk::client session(ctx, config());
    looker look(ctx);
    auto watcher = std::make_shared<seen>();
    registry::view_params p;
    p.service_path = "/micro-service/churn";
    p.read_window = 2;
    auto strand = asio::make_strand(ctx);
    auto view = std::make_unique<registry::view_driver>(strand, session, p, watcher);
    asio::post(strand, [&] { view->start(); });    // before the path exists
    REQUIRE(run_until(ctx, [&] { return watcher->last.known; }));
    CHECK(watcher->last.instances.empty());
    std::vector<std::unique_ptr<registrar>> all;
    for (std::uint16_t i = 1; i <= 8; ++i) {
        all.push_back(std::make_unique<registrar>(session, described("churn", i)));
        CHECK_FALSE(start(ctx, *all.back()));
        if (i % 3 == 0) CHECK_FALSE(close(ctx, *all[i / 2u]));
    }
    const auto agree = [&] {
        const auto names = look.children("/micro-service/churn");
        std::string joined;
        for (const auto& n : names) joined += n + " ";
        return joined == watcher->names() && watcher->names().starts_with("master ");
    };
    CHECK(run_until(ctx, agree, 2 * soon));
    const int calls = watcher->calls;
    asio::post(strand, [&] { view.reset(); });
    REQUIRE(run_until(ctx, [&] { return view == nullptr; }));
    for (auto& r : all) close(ctx, *r);
    CHECK(watcher->calls == calls);
    CHECK(look.children("/micro-service/churn").empty());
}

}    // namespace muster::test
