// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/spare_memory.hpp"

#include "proto_zk/request.hpp"
#include "support/sanitized.hpp"

#include "allocations.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using muster::test::largest_allocation;
using muster::test::sanitized;
using muster::zk::proto::spare_memory;

namespace {

struct small_request final : muster::zk::proto::request {
    muster::error_code complete(const muster::error_code&, std::string_view) override { return {}; }
};
struct large_request final : muster::zk::proto::request {
    muster::error_code complete(const muster::error_code&, std::string_view) override { return {}; }
    char more[2'000] = {};
};

template <class Request>
std::unique_ptr<muster::zk::proto::request> make() {
    auto r = std::make_unique<Request>();
    r->frame = spare_memory::string();
    r->frame.append(100, 'x');
    return r;
}

}    // namespace

TEST_CASE("requests that follow others on a thread allocate nothing") {
    std::vector<std::unique_ptr<muster::zk::proto::request>> some;
    some.reserve(64);
    // What other tests have left is of other sizes, and gives way by and by.
    for (int round = 0; round != 500; ++round) {
        for (int i = 0; i != 64; ++i) some.push_back(make<small_request>());
        some.clear();
    }
    const std::string written(100, 'x');
    const largest_allocation seen;
    for (int round = 0; round != 10; ++round) {
        for (int i = 0; i != 64; ++i) some.push_back(make<small_request>());
        for (const auto& r : some) CHECK(r->frame == written);
        some.clear();
    }
    if (!sanitized) CHECK(seen.total() == 0);
}

TEST_CASE("what a thread keeps is bounded, and what is large is not kept") {
    std::vector<std::unique_ptr<muster::zk::proto::request>> many;
    for (int i = 0; i != 20'000; ++i) many.push_back(make<small_request>());
    many.clear();
    const largest_allocation seen;
    for (int i = 0; i != 20'000; ++i) many.push_back(make<small_request>());
    CHECK(seen.total() > 20'000 * sizeof(small_request) / 2);
    many.clear();

    make<large_request>();
    const largest_allocation of_large;
    make<large_request>();
    CHECK(of_large.total() >= sizeof(large_request));

    std::string large = spare_memory::string();
    large.resize(100'000);
    spare_memory::give_back(std::move(large));
    CHECK(spare_memory::string().capacity() < 10'000);
    CHECK(spare_memory::string().empty());
}

TEST_CASE("requests of one thread that are done on another, or when their thread ends, are freed") {
    std::vector<std::unique_ptr<muster::zk::proto::request>> some;
    std::thread([&some] {
        // Made before the thread has anything to keep, so destroyed after that.
        static thread_local std::unique_ptr<muster::zk::proto::request> last;
        for (int i = 0; i != 100; ++i) some.push_back(make<small_request>());
        last = make<small_request>();
    }).join();
    some.clear();
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{32}, std::size_t{33}, std::size_t{1'024}, std::size_t{1'025}}) {
        void* const p = spare_memory::allocate(bytes);
        std::memset(p, 1, bytes);
        spare_memory::deallocate(p, bytes);
    }
}
