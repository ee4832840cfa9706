// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/channel.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::lease;
using muster::policy;
using muster::pool;
using muster::registry_errc;

namespace {

// What a pick gives: an identity, or an error's message.
std::string picked(hot_picker& p, std::string_view key = "key") {
    error_code ec = registry_errc::conflict;    // must be overwritten
    const lease l = p.pick(key, ec);
    CHECK(l.valid() == !ec);
    return l ? l->identity() : ec.message();
}

std::string message(registry_errc e) { return make_error_code(e).message(); }

std::vector<std::string> sequence(hot_picker& p, int n) {
    std::vector<std::string> r;
    for (int i = 0; i < n; ++i) r.push_back(picked(p));
    return r;
}

}    // namespace

TEST_CASE("a picker sees each table that is published") {
    publisher pub(1);
    hot_picker p(pub.get(policy::roundrobin, pool::normals_then_master));
    CHECK(picked(p) == message(registry_errc::unknown_service));
    publish(pub, {});
    CHECK(picked(p) == message(registry_errc::no_instances));
    publish(pub, nodes_of({normal(numbered(1))}));
    CHECK(picked(p) == numbered(1).identity());
    publish(pub, nodes_of({normal(numbered(2))}));
    CHECK(picked(p) == numbered(2).identity());
    publish(pub, {});
    CHECK(picked(p) == message(registry_errc::no_instances));
    pub.close();
    CHECK(picked(p) == message(registry_errc::closed));
}

TEST_CASE("a picker outlives its publisher") {
    auto pub = std::make_unique<publisher>(1);
    publish(*pub, nodes_of(normals(3)));
    hot_picker p(pub->get(policy::random, pool::all));
    pub.reset();
    CHECK(picked(p).starts_with("10.0.0."));
}

TEST_CASE("a channel that is asked for later knows what was published before") {
    publisher pub(1);
    publish(pub, nodes_of({master(numbered(1))}));
    hot_picker master_only(pub.get(policy::iphash, pool::master));
    hot_picker normals_only(pub.get(policy::iphash, pool::normals));
    CHECK(picked(master_only) == numbered(1).identity());
    CHECK(picked(master_only, "") == message(registry_errc::key_required));
    CHECK(picked(normals_only) == message(registry_errc::no_instances));
    CHECK(pub.get(policy::iphash, pool::master) == master_only.source());
    pub.close();
    hot_picker late(pub.get(policy::random, pool::all));
    CHECK(picked(late) == message(registry_errc::closed));
}

TEST_CASE("without a master") {
    publisher pub(1);
    publish(pub, nodes_of(normals(2)));
    hot_picker p(pub.get(policy::roundrobin, pool::master));
    CHECK(picked(p) == message(registry_errc::no_master));
}

TEST_CASE("tables are rebuilt only if their nodes changed") {
    publisher pub(1);
    listed_membership m(remember);
    const auto of_normals = pub.get(policy::roundrobin, pool::normals);
    const auto of_all = pub.get(policy::roundrobin, pool::all);
    m.apply({normal(numbered(1), 1), master(numbered(2), 2)}, start);
    publish(pub, m.nodes());
    const auto normals_version = of_normals->version();
    const auto all_version = of_all->version();

    m.apply({normal(numbered(1), 1), master(numbered(3), 3)}, start);
    publish(pub, m.nodes());
    CHECK(of_normals->version() == normals_version);
    CHECK(of_all->version() != all_version);
}

TEST_CASE("pickers and their copies go ways of their own") {
    publisher pub(1);
    publish(pub, nodes_of(normals(50)));
    hot_picker a(pub.get(policy::random, pool::all));
    hot_picker b(pub.get(policy::random, pool::all));
    hot_picker c = a;
    hot_picker d = b;
    d = a;
    const std::set<std::vector<std::string>> ways{sequence(a, 20), sequence(b, 20), sequence(c, 20), sequence(d, 20)};
    CHECK(ways.size() == 4);
}

TEST_CASE("what many pickers pick together is as even as what one does") {
    publisher pub(20261129);
    const auto nodes = nodes_of(normals(10));
    publish(pub, nodes);
    std::map<std::string, double> picks;
    for (int k = 0; k < 100; ++k) {
        hot_picker p(pub.get(policy::random, pool::all));
        for (const std::string& each : sequence(p, 100)) ++picks[each];
    }
    CHECK(chi_square(picks, nodes) < chi_square_9);
}

TEST_CASE("no picker follows another one's draws") {
    publisher pub(20261129);
    publish(pub, nodes_of(normals(1000)));
    std::set<std::string> pairs;
    for (int k = 0; k < 100; ++k) {
        hot_picker p(pub.get(policy::random, pool::all));
        const auto drawn = sequence(p, 100);
        for (std::size_t i = 1; i < drawn.size(); ++i) pairs.insert(drawn[i - 1] + " " + drawn[i]);
    }
    CHECK(pairs.size() > 100 * 99 - 200);    // of a million that there are, some come twice by chance
}

TEST_CASE("the same seed gives the same picks") {
    const auto run = [](std::uint64_t seed) {
        publisher pub(seed);
        publish(pub, nodes_of(normals(50)));
        hot_picker p(pub.get(policy::random, pool::all));
        return sequence(p, 20);
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
}

TEST_CASE("nodes are freed when the last picker has moved on") {
    publisher pub(1);
    std::weak_ptr<const muster::instance> old;
    {
        const auto nodes = nodes_of({normal(numbered(1))});
        old = nodes.front()->seen.instance;
        publish(pub, nodes);
    }
    hot_picker p(pub.get(policy::roundrobin, pool::all));
    CHECK(picked(p) == numbered(1).identity());
    publish(pub, nodes_of({normal(numbered(2))}));
    CHECK(!old.expired());
    CHECK(picked(p) == numbered(2).identity());
    CHECK(old.expired());
}
