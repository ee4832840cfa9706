// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/change_queue.hpp"

#include "balance/membership.hpp"

#include "bench/allocations.hpp"
#include "fixtures.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::change;
using muster::change_stream;
using muster::error_code;
using muster::instance;
using muster::rejected_node;

namespace asio = boost::asio;

namespace {

instance coded(std::string code, std::uint32_t weight = 1) {
    instance i("10.1.1.1", 1, weight);
    i.unique_code = std::move(code);
    return i;
}

/// A service that shows what it is told to, and one subscriber.
struct scene {
    scene() : queue(std::make_shared<muster::detail::change_queue>(io.get_executor())), stream(queue) {}

    void show(std::vector<sighting> seen, bool stale = false, std::vector<rejected_node> rejected = {}) {
        members.apply(std::move(seen), start);
        auto e = std::make_shared<exhibit>();
        e->known = true;
        e->stale = stale;
        e->nodes = members.nodes();
        e->rejected = std::move(rejected);
        queue->show(std::move(e));
    }

    /// Everything that can be read now, in one line.
    std::string read() {
        std::string out;
        for (;;) {
            std::optional<change> got;
            error_code ended;
            asio::cancellation_signal give_up;
            stream.next(asio::bind_cancellation_slot(give_up.slot(), [&](error_code ec, change c) {
                ended = ec;
                if (!ec) got = std::move(c);
            }));
            run();
            if (!got && !ended) give_up.emit(asio::cancellation_type::terminal);
            run();
            if (ended && ended != asio::error::operation_aborted) out += (out.empty() ? "" : " ") + ended.message();
            if (!got) return out;
            out += (out.empty() ? "" : " ") + text(*got);
        }
    }

    static std::string text(const change& c) {
        std::string out = to_string(c.what);
        if (c.role != muster::role::none) out += ":" + c.instance.identity();
        if (c.what == change::kind::role) out += std::string("=") + to_string(c.role);
        if (c.what == change::kind::rejected) out += ":" + c.path;
        return out;
    }

    void run() {
        io.restart();
        io.poll();
    }

    asio::io_context io;
    listed_membership members{remember};
    std::shared_ptr<muster::detail::change_queue> queue;
    change_stream stream;
};

rejected_node bad(std::string path, std::string reason = "it is odd") {
    rejected_node r;
    r.path = std::move(path);
    r.reason = std::move(reason);
    return r;
}

}    // namespace

TEST_CASE("changes: who is there at first, then each change once, in the order in which they came") {
    scene s;
    s.show({normal(coded("a")), normal(coded("b"))});
    CHECK(s.read() == "added:a added:b fresh");
    CHECK(s.read().empty());
    s.show({normal(coded("a")), normal(coded("b", 3)), normal(coded("c"))});
    CHECK(s.read() == "updated:b added:c");
    s.show({master(coded("a")), normal(coded("c"))});
    CHECK(s.read() == "role:a=master removed:b");
    s.show({master(coded("a")), normal(coded("c"))});
    CHECK(s.read().empty());
}

TEST_CASE("changes: what is not read merges, and what came and went is never told") {
    scene s;
    s.show({normal(coded("a"))});
    CHECK(s.read() == "added:a fresh");
    for (std::uint32_t w = 2; w != 100; ++w) s.show({normal(coded("a", w)), normal(coded("x"))});
    s.show({normal(coded("a", 7)), normal(coded("b"))});
    CHECK(s.read() == "updated:a added:b");
    s.show({});
    s.show({normal(coded("a", 7)), normal(coded("b"))});
    CHECK(s.read().find("removed") == std::string::npos);
}

TEST_CASE("changes: a subscriber in the middle of reading sees the rest as it is now") {
    scene s;
    s.show({normal(coded("a")), normal(coded("b")), normal(coded("c"))});
    std::string first;
    s.stream.next([&](error_code, change c) { first = scene::text(c); });
    s.run();
    CHECK(first == "added:a");
    s.show({normal(coded("c")), normal(coded("d"))});
    CHECK(s.read() == "removed:a added:c added:d fresh");
}

TEST_CASE("changes: what nobody reads costs nothing, however much there is") {
    scene s;
    s.show(normals(1'000));
    auto shown = std::make_shared<exhibit>();
    shown->known = true;
    shown->stale = false;
    shown->nodes = s.members.nodes();
    const auto before = muster::bench::allocations_of_this_thread();
    for (int i = 0; i < 100; ++i) s.queue->show(shown);
    CHECK(muster::bench::allocations_of_this_thread() == before);
    std::string all = s.read();
    CHECK(all.starts_with("added:10.0.0.0:8000 added:10.0.0.100:8000 "));
    CHECK(all.ends_with(" fresh"));
}

TEST_CASE("changes: stale and fresh") {
    scene s;
    s.show({normal(coded("a"))}, true);
    CHECK(s.read() == "added:a");
    s.show({normal(coded("a"))});
    CHECK(s.read() == "fresh");
    s.show({normal(coded("a"))}, true);
    s.show({normal(coded("a")), normal(coded("b"))}, true);
    CHECK(s.read() == "stale added:b");
    s.show({normal(coded("a"))});
    s.show({normal(coded("a"))}, true);
    CHECK(s.read() == "removed:b");    // it is as stale as was told last
}

TEST_CASE("changes: rejected znodes are told once for each reason") {
    scene s;
    s.show({}, false, {bad("/p/s/x"), bad("/p/s/y")});
    CHECK(s.read() == "rejected:/p/s/x rejected:/p/s/y fresh");
    s.show({}, false, {bad("/p/s/x"), bad("/p/s/y", "it is another")});
    CHECK(s.read() == "rejected:/p/s/y");
    s.show({}, false, {bad("/p/s/x")});
    CHECK(s.read().empty());
    s.show({}, false, {bad("/p/s/x"), bad("/p/s/y")});
    CHECK(s.read() == "rejected:/p/s/y");
}

TEST_CASE("changes: of many rejected znodes each is told once, and a later change tells of what changed alone") {
    constexpr std::size_t many = 5'000;
    std::vector<rejected_node> all;
    for (std::size_t i = 0; i < many; ++i) all.push_back(bad("/p/s/" + std::to_string(100'000 + i)));
    const auto told = [](const std::string& line) { return static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')); };

    scene s;
    s.show({}, false, all);
    const std::string first = s.read();
    CHECK(told(first) == many);
    CHECK(first.starts_with("rejected:/p/s/100000 rejected:/p/s/100001 "));    // in the order of their paths
    CHECK(first.ends_with(" rejected:/p/s/104999 fresh"));
    for (int again = 0; again < 3; ++again) {
        s.show({}, false, all);
        CHECK(s.read().empty());
    }
    all[many / 2].reason = "it is another";
    s.show({}, false, all);
    CHECK(s.read() == "rejected:/p/s/102500");

    // Unread, they merge: what is kept is bounded by what is there, not by how often it was shown.
    std::vector<rejected_node> half(all.begin(), all.begin() + many / 2);
    s.show({}, false, half);
    CHECK(s.read().empty());
    for (int again = 0; again < 10; ++again) s.show({}, false, again % 2 == 0 ? half : all);
    CHECK(told(s.read()) == many / 2);
}

TEST_CASE("changes: a waiting call gets the next one, a cancelled call loses none") {
    scene s;
    s.show({});
    CHECK(s.read() == "fresh");    // reading to the end cancels a call
    std::string got;
    s.stream.next([&](error_code ec, change c) { got = ec ? ec.message() : scene::text(c); });
    s.run();
    CHECK(got.empty());
    s.show({normal(coded("a"))});
    CHECK(got.empty());    // never inline
    s.run();
    CHECK(got == "added:a");
}

TEST_CASE("changes: the end") {
    scene s;
    s.show({normal(coded("a"))});
    s.queue->close();
    const std::string closed = error_code(muster::registry_errc::closed).message();
    CHECK(s.read() == "added:a fresh " + closed);
    CHECK(s.read() == closed);

    scene gone;
    error_code ec;
    gone.stream.next([&](error_code e, change) { ec = e; });
    gone.stream = change_stream();
    gone.run();
    CHECK(ec == asio::error::operation_aborted);
}
