// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/lease.hpp>

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <boost/system/error_code.hpp>

#include <array>
#include <cerrno>
#include <memory>
#include <type_traits>
#include <utility>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::lease;

namespace {

struct service {
    listed_membership m{remember};
    service() { m.apply({master(numbered(1), 77)}, start); }

    lease take() { return node::lend(node()); }
    muster::balance::node& node() { return *m.nodes().front(); }

    // Open leases, successes, failures, abandoned.
    std::array<std::uint64_t, 4> counts() {
        const node_state& s = *node().state;
        return {node().open(), s.successes(), s.failures(), s.abandoned()};
    }
};

using counts = std::array<std::uint64_t, 4>;

}    // namespace

static_assert(!std::is_copy_constructible_v<lease> && !std::is_copy_assignable_v<lease>);
static_assert(std::is_nothrow_move_constructible_v<lease> && std::is_nothrow_move_assignable_v<lease>);
static_assert(sizeof(lease) <= 16);
static_assert(alignof(muster::balance::node) == 64);

TEST_CASE("an empty lease") {
    lease l;
    CHECK(!l);
    CHECK(!l.valid());
    l.success();
    l.failure({});
    l.canceled();
    lease other = std::move(l);
    CHECK(!other);
}

TEST_CASE("it shows what was picked") {
    service s;
    const lease l = s.take();
    CHECK(l);
    CHECK(*l == numbered(1));
    CHECK(l->port == 8000);
    CHECK(l.role() == muster::role::master);
    CHECK(l.czxid() == 77);
}

TEST_CASE("it is returned once, by the first word") {
    service s;
    {
        lease l = s.take();
        CHECK(s.counts() == counts{1, 0, 0, 0});
        SUBCASE("success") {
            l.success();
            CHECK(s.counts() == counts{0, 1, 0, 0});
            l.failure({});
            l.success();
            CHECK(s.counts() == counts{0, 1, 0, 0});
        }
        SUBCASE("failure") {
            l.failure(muster::registry_errc::timed_out);
            CHECK(s.counts() == counts{0, 0, 1, 0});
            l.success();
            CHECK(s.counts() == counts{0, 0, 1, 0});
        }
        SUBCASE("canceled") {
            l.canceled();
            CHECK(s.counts() == counts{0, 0, 0, 0});
            l.success();
            CHECK(s.counts() == counts{0, 0, 0, 0});
        }
        CHECK(l.valid());
        CHECK(l->port == 8000);
    }
    CHECK(s.counts()[0] == 0);
    CHECK(s.counts()[3] == 0);
    CHECK(s.node().own.count == node::reference);    // that of its owner, the membership
    CHECK(s.node().owners == 1);
}

TEST_CASE("errors have classes") {
    using muster::classify;
    using muster::failure_class;
    namespace errc = boost::system::errc;
    const auto of = [](errc::errc_t e) { return classify(make_error_code(e)); };
    CHECK(of(errc::operation_canceled) == failure_class::cancelled);
    for (const auto e :
         {errc::connection_refused, errc::host_unreachable, errc::network_unreachable, errc::network_down, errc::timed_out})
        CHECK(of(e) == failure_class::unreachable);
    for (const auto e : {errc::no_buffer_space, errc::resource_unavailable_try_again}) CHECK(of(e) == failure_class::overloaded);
    for (const auto e : {errc::connection_reset, errc::broken_pipe, errc::io_error}) CHECK(of(e) == failure_class::failed);
    CHECK(classify(boost::system::error_code(ECONNREFUSED, boost::system::system_category())) == failure_class::unreachable);
    CHECK(classify(muster::registry_errc::conflict) == failure_class::failed);
}

TEST_CASE("a failure that the caller caused teaches nothing, the others are remembered until a success") {
    service s;
    const auto& strikes = s.node().state->strikes;
    s.take().failure(muster::failure_class::cancelled);
    s.take().failure(make_error_code(boost::system::errc::operation_canceled));
    CHECK(s.counts() == counts{0, 0, 0, 0});
    CHECK(strikes == 0);
    s.take().failure(muster::failure_class::unreachable);
    s.take().failure(muster::failure_class::failed);
    s.take().failure(muster::failure_class::overloaded);
    CHECK(strikes == 3);
    { const lease abandoned = s.take(); }
    s.take().canceled();
    CHECK(strikes == 3);
    s.take().success();
    CHECK(strikes == 0);
    CHECK(s.counts() == counts{0, 1, 3, 1});
}

TEST_CASE("the mark of a failure that two threads have left behind goes with the next success") {
    service s;
    node_state& state = *s.node().state;
    state.notable |= node_state::failing;    // one thread marked what another one had forgiven
    state.common.failing = 1;
    s.take().success();
    CHECK((state.notable & node_state::failing) == 0);
    s.take().failure(muster::failure_class::failed);
    CHECK((state.notable & node_state::failing) != 0);
    s.take().success();
    CHECK((state.notable & node_state::failing) == 0);
}

TEST_CASE("destroyed without a word it is abandoned") {
    service s;
    { const lease l = s.take(); }
    CHECK(s.counts() == counts{0, 0, 0, 1});
    CHECK(s.node().own.count == node::reference);
}

TEST_CASE("moving") {
    service s;
    lease a = s.take();
    SUBCASE("moves the loan") {
        lease b = std::move(a);
        CHECK(!a);
        CHECK(b);
        a.success();
        CHECK(s.counts() == counts{1, 0, 0, 0});
        b.success();
        CHECK(s.counts() == counts{0, 1, 0, 0});
    }
    SUBCASE("over another abandons that") {
        lease b = s.take();
        CHECK(s.counts() == counts{2, 0, 0, 0});
        b = std::move(a);
        CHECK(s.counts() == counts{1, 0, 0, 1});
        CHECK(!a);
        CHECK(b);
    }
    SUBCASE("onto itself changes nothing") {
        lease& same = a;
        a = std::move(same);
        CHECK(a);
        CHECK(s.counts() == counts{1, 0, 0, 0});
    }
    SUBCASE("keeps that it was returned") {
        a.success();
        lease b = std::move(a);
        b.failure({});
        CHECK(s.counts() == counts{0, 1, 0, 0});
        CHECK(b->port == 8000);
    }
}

TEST_CASE("it outlives everything") {
    for (const bool returned : {false, true}) {
        auto s = std::make_unique<service>();
        const std::weak_ptr<const muster::instance> watched = s->node().seen.instance;
        lease l = s->take();
        s.reset();
        if (returned) l.success();
        CHECK(l->port == 8000);
        CHECK(l.role() == muster::role::master);
        CHECK(!watched.expired());
        l = lease();
        CHECK(watched.expired());
    }
}
