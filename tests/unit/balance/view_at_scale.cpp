// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a large service costs on the wire: to see it first, and each change of it.
#include <muster/balancer.hpp>

#include "sim_embedded.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <string>

using namespace muster;
using namespace muster::test;

namespace {

constexpr int many = 1000;

std::string path_of(int i) { return fmt::format("/micro-service/s/normal{:010}", i); }
std::string data_of(int i, int weight = 1) {
    return fmt::format(
        R"({{"serverip":"10.1.{}.{}","serverport":80,"username":"","userpwd":"","serveruniquecode":"{}","weight":{}}})", i / 256,
        i % 256, i, weight);
}

zk::config large_replies() {
    zk::config c = config_for_tests();
    c.batch_reads = true;
    return c;
}

/// A balancer that looks at a service with many instances.
struct large_service {
    explicit large_service(bool recursive = true, const balancer_params& p = {})
        : registry(sim, recursive), client(make_client(sim.io.get_executor(), large_replies(), sim.world)), lb(client, p) {
        for (const char* parent : {"/micro-service", "/micro-service/s"}) registry.put(parent);
        for (int i = 0; i < many; ++i) registry.put(path_of(i), data_of(i));
        changes = lb.changes("s").value();
        registry.pass(2s);    // a server that drops the connection at once is asked again after a delay
        REQUIRE(visible() == many);
        first = take();
    }

    std::size_t visible() { return lb.view("s").value().instances.size(); }

    /// What has passed since this was called last.
    traffic take() {
        registry.pass(50ms);    // longer than changes are gathered
        return std::exchange(registry.counted, traffic());
    }

    simulation sim;
    sim_embedded registry;
    zk::client client;
    balancer lb;
    change_stream changes;
    traffic first;    ///< What it cost to see all of them first.
};

}    // namespace

TEST_CASE("one change of a thousand instances costs one event and at most one read, and a deletion no read") {
    large_service s;
    s.registry.put(path_of(many), data_of(many));
    traffic t = s.take();
    CHECK(s.visible() == many + 1);
    CHECK(t.events == 1);
    CHECK(t.reads == 1);
    CHECK(t.requests == 1);
    CHECK(t.bytes < 512);

    s.registry.set(path_of(7), data_of(7, 5));
    t = s.take();
    CHECK(t.events == 1);
    CHECK(t.reads == 1);
    CHECK(t.requests == 1);
    CHECK(t.bytes < 512);

    s.registry.drop(path_of(8));
    t = s.take();
    CHECK(s.visible() == many);
    CHECK(t.events == 1);
    CHECK(t.requests == 0);
    CHECK(t.bytes < 128);
    CHECK_FALSE(s.lb.view("s").value().stale);
}

TEST_CASE("with a server before 3.6, a change costs its events, a read and at most one list") {
    large_service s(false);
    s.registry.put(path_of(many), data_of(many));
    traffic t = s.take();
    CHECK(s.visible() == many + 1);
    CHECK(t.events == 1);
    CHECK(t.lists == 1);
    CHECK(t.reads == 1);

    s.registry.set(path_of(7), data_of(7, 5));
    t = s.take();
    CHECK(t.events == 1);
    CHECK(t.lists == 0);
    CHECK(t.reads == 1);

    s.registry.drop(path_of(8));
    t = s.take();
    CHECK(s.visible() == many);
    CHECK(t.events == 2);    // of the child and of the list
    CHECK(t.lists == 1);
    CHECK(t.reads <= 1);
}

TEST_CASE("the first read of a large service is pipelined: one list, each instance once, a window at a time") {
    for (const std::size_t window : {16U, 128U}) {
        CAPTURE(window);
        balancer_params p;
        p.read_window = window;
        const large_service s(true, p);
        CHECK(s.first.lists == 1);
        CHECK(s.first.reads == many);
        CHECK(s.first.events == 0);
        // A handshake, the watch, the list, and the instances.
        CHECK(s.registry.turns <= static_cast<int>(many / window) + 8);
    }
}

TEST_CASE("a burst of changes is shown as a few lists, whoever does not read") {
    large_service s;
    for (int i = 0; i < many; i += 2) s.registry.set(path_of(i), data_of(i, 2));
    for (int i = 1; i < many; i += 2) s.registry.drop(path_of(i));
    const traffic t = s.take();
    CHECK(s.visible() == many / 2);
    CHECK(t.events == many);
    CHECK(t.reads == many / 2);
    // Nothing has been taken out of the stream of changes: it tells what is there now, each instance once.
    for (int i = 0; i < many / 2; ++i) {
        outcome<change> next;
        s.changes.next(next.handler());
        s.registry.serve();
        CHECK(next.value().what == change::kind::added);
        CHECK(next.value().instance.weight == 2);
    }
    outcome<change> last;
    s.changes.next(last.handler());
    s.registry.serve();
    CHECK(last.value().what == change::kind::fresh);
}
