// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/deadlines.hpp"

#include "allocations.hpp"
#include "proto_zk/request.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

using namespace muster;
using namespace muster::zk::proto;
using namespace std::chrono_literals;
using time_point = deadlines::time_point;

namespace {

struct idle_request final : request {
    error_code complete(const error_code&, std::string_view) override { return {}; }
};

std::unique_ptr<request> due_at(deadlines& heap, std::chrono::seconds s) {
    auto r = std::make_unique<idle_request>();
    r->deadline.at = time_point(s);
    heap.add(r->deadline, *r);
    return r;
}

}    // namespace

TEST_SUITE_BEGIN("deadlines");

TEST_CASE("the earliest is due first, each once") {
    deadlines heap;
    CHECK(heap.next() == time_point::max());
    CHECK(heap.take_due(time_point::max()) == nullptr);
    const auto b = due_at(heap, 2s);
    const auto c = due_at(heap, 3s);
    const auto a = due_at(heap, 1s);
    CHECK(heap.next() == time_point(1s));
    CHECK(heap.take_due(time_point(999ms)) == nullptr);
    CHECK(heap.take_due(time_point(2s)) == a.get());
    CHECK(heap.take_due(time_point(2s)) == b.get());
    CHECK(heap.take_due(time_point(2s)) == nullptr);
    CHECK(heap.size() == 1);
}

TEST_CASE("a request that is destroyed leaves nothing behind, and may leave twice") {
    deadlines heap;
    auto a = due_at(heap, 1s);
    auto b = due_at(heap, 2s);
    a.reset();
    CHECK(heap.next() == time_point(2s));
    b->deadline.leave();
    b->deadline.leave();
    CHECK(heap.size() == 0);
    auto survivor = std::make_unique<idle_request>();
    {
        deadlines gone;
        gone.add(survivor->deadline, *survivor);
    }
}

TEST_CASE("whatever comes and goes, what is due comes in order") {
    constexpr std::uint32_t seed = 20;
    INFO("seed ", seed);
    std::mt19937 random(seed);
    for (int round = 0; round != 50; ++round) {
        deadlines heap;
        std::vector<std::unique_ptr<request>> all;
        for (int i = 0; i != 200; ++i) {
            all.push_back(due_at(heap, std::chrono::seconds(random() % 100)));
            if (random() % 3 != 0) continue;
            const auto at = static_cast<std::ptrdiff_t>(random() % all.size());
            all.erase(all.begin() + at);
        }
        CHECK(heap.size() == all.size());
        std::vector<time_point> expected;
        for (const auto& r : all) expected.push_back(r->deadline.at);
        std::sort(expected.begin(), expected.end());
        std::vector<time_point> seen;
        while (request* r = heap.take_due(time_point::max())) seen.push_back(r->deadline.at);
        CHECK(seen == expected);
    }
}

TEST_CASE("a heap that was at its largest allocates nothing") {
    deadlines heap;
    std::vector<std::unique_ptr<request>> all;
    for (int i = 0; i != 64; ++i) all.push_back(due_at(heap, 5s));
    all.front()->deadline.leave();
    idle_request next;
    next.deadline.at = time_point(6s);
    const test::largest_allocation seen;
    heap.add(next.deadline, next);
    next.deadline.leave();
    heap.add(next.deadline, next);
    CHECK(heap.take_due(time_point(5s)) != nullptr);
    CHECK(seen.bytes() == 0);
}

TEST_SUITE_END();
