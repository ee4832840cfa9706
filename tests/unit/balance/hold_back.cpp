// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/hold_back.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using namespace std::chrono_literals;
using muster::role;

namespace {

constexpr auto timeout = 6s;

/// A view, what is held back of it, and who belongs to the service in the end.
struct held_service {
    explicit held_service(std::size_t n, std::uint32_t percentage = 50) : held(percentage) {
        for (std::size_t i = 0; i < n; ++i) listed.push_back(normal(numbered(i), static_cast<std::int64_t>(i + 1)));
        see({}, listed);
        disturb();
    }

    /// The session gets another connection.
    void disturb() {
        ++session.connection;
        held.on_session(session, at);
    }

    void see(std::vector<sighting> gone, std::vector<sighting> come, bool fresh = true) {
        held.on_session(session, at);
        view_difference d{std::move(gone), std::move(come)};
        held.sift(d, members, fresh, at);
        members.apply(std::move(d.gone), std::move(d.come), at);
    }
    void lose(std::vector<std::size_t> who) {
        std::vector<sighting> gone;
        for (const std::size_t i : who) gone.push_back(listed[i]);
        see(std::move(gone), {});
    }
    void pass(std::chrono::milliseconds t, bool fresh = true) {
        at += t;
        see({}, {}, fresh);
    }

    std::size_t present() const { return members.nodes().size(); }
    std::size_t held_back() const { return held.all().size(); }

    std::vector<sighting> listed;
    hold_back held;
    membership members{remember};
    muster::zk::session_info session = [] {
        muster::zk::session_info s;
        s.connection = 1;
        s.state = muster::zk::session_state::connected;
        s.timeout = timeout;
        return s;
    }();
    membership::time_point at = start + 1h;
};

}    // namespace

TEST_CASE("a mass that goes after the session was disturbed is held back for a session timeout") {
    for (const auto& [all, gone] : {std::pair<std::size_t, std::size_t>{2, 2}, {3, 2}, {4, 3}, {5, 3}, {5, 5}, {100, 51}}) {
        CAPTURE(all);
        held_service s(all);
        s.at += 100ms;
        std::vector<std::size_t> who;
        for (std::size_t i = 0; i < gone; ++i) who.push_back(i);
        s.lose(who);
        CHECK(s.present() == all);
        CHECK(s.held_back() == gone);
        CHECK(s.held.due() == s.at + timeout);
        s.pass(timeout - 1ms);
        CHECK(s.present() == all);
        s.pass(1ms);
        CHECK(s.present() == all - gone);
        CHECK(s.held_back() == 0);
        CHECK(s.held.due() == membership::time_point::max());
    }
}

TEST_CASE("what is no mass is shown at once") {
    for (const auto& [all, gone] : {std::pair<std::size_t, std::size_t>{1, 1}, {2, 1}, {4, 2}, {5, 2}, {100, 50}}) {
        CAPTURE(all);
        held_service s(all);
        std::vector<std::size_t> who;
        for (std::size_t i = 0; i < gone; ++i) who.push_back(i);
        s.lose(who);
        CHECK(s.present() == all - gone);
        CHECK(s.held_back() == 0);
    }
}

TEST_CASE("removals are counted over a session timeout") {
    held_service s(5);
    s.lose({0});
    s.pass(2s);
    s.lose({1});
    CHECK(s.present() == 3);    // two of five
    s.pass(2s);
    SUBCASE("a third one within it is held back, and the two stay gone") {
        s.lose({2});
        CHECK(s.present() == 3);
        CHECK(s.held.all() == std::vector{numbered(2).identity()});
    }
    SUBCASE("who came back does not count") {
        s.see({}, {normal(numbered(0), 90)});
        s.lose({2});
        CHECK(s.present() == 3);
        CHECK(s.held_back() == 0);
    }
    SUBCASE("what is longer ago does not count") {
        s.pass(3s);    // the first is 7 s ago, and the session was disturbed 7 s ago
        s.lose({2});
        CHECK(s.present() == 2);    // two of four
        CHECK(s.held_back() == 0);
    }
}

TEST_CASE("the session is disturbed for one and a half timeouts after it has another connection") {
    held_service s(4);
    s.pass(timeout + timeout / 2 - 1ms);
    SUBCASE("within them") {
        s.lose({0, 1, 2});
        CHECK(s.held_back() == 3);
    }
    SUBCASE("then not any more") {
        s.pass(1ms);
        s.lose({0, 1, 2});
        CHECK(s.held_back() == 0);
        CHECK(s.present() == 1);
    }
}

TEST_CASE("without a disturbance nothing is held back, nor where it is turned off") {
    SUBCASE("the first connection is none") {
        hold_back h(50);
        muster::zk::session_info first;
        first.connection = 1;
        first.timeout = timeout;
        membership m(remember);
        std::vector<sighting> all{normal(numbered(0), 1), normal(numbered(1), 2)};
        m.apply({}, all, start);
        h.on_session(first, start);
        view_difference d{all, {}};
        h.sift(d, m, true, start);
        CHECK(d.come.empty());
        CHECK(d.gone.size() == 2);
    }
    SUBCASE("off") {
        held_service s(4, 0);
        s.lose({0, 1, 2, 3});
        CHECK(s.present() == 0);
    }
}

TEST_CASE("who is held back and seen again is there as it is now") {
    held_service s(2);
    s.lose({0, 1});
    const node_ref before = s.members.nodes()[0];
    s.pass(1s);
    s.see({}, {normal(numbered(0, 7), 50)});
    CHECK(s.held_back() == 1);
    CHECK(s.present() == 2);
    CHECK(s.members.find(numbered(0).identity())->weight == 7);
    CHECK(s.members.find(numbered(0).identity())->state == before->state);
    s.pass(timeout);
    CHECK(s.present() == 1);
    CHECK(s.members.nodes()[0]->seen.czxid == 50);
}

TEST_CASE("a master that is held back is master no more") {
    held_service s(1);
    s.see({}, {master(numbered(8), 80)});
    s.see({s.listed[0], master(numbered(8), 80)}, {});
    CHECK(s.held_back() == 2);
    CHECK(s.members.find(numbered(8).identity())->role == role::normal);
    s.see({}, {master(numbered(9), 90)});    // somebody else is, under the same path
    CHECK(s.members.find(numbered(9).identity())->role == role::master);
    s.pass(timeout);
    CHECK(s.present() == 1);
    CHECK(s.members.nodes()[0]->role == role::master);
}

TEST_CASE("who loses one of two znodes has not gone, and who loses both is held back once") {
    held_service s(2);
    const sighting promoted = master(numbered(0), 70);
    s.see({}, {promoted});
    s.see({s.listed[0], s.listed[1]}, {});
    CHECK(s.present() == 1);    // one of two
    CHECK(s.held_back() == 0);
    s.see({promoted}, {});
    CHECK(s.held_back() == 1);    // two of two
    CHECK(s.present() == 1);
    s.pass(timeout);
    CHECK(s.present() == 0);
}

TEST_CASE("one reading that shows one removal after the other counts as a whole") {
    held_service s(5);
    s.see({}, {}, false);
    s.see({s.listed[0]}, {}, false);
    s.at += 10ms;
    s.see({s.listed[1]}, {}, false);
    CHECK(s.present() == 3);
    s.at += 10ms;
    SUBCASE("though it ends with the one that makes them a mass") {
        s.see({s.listed[2]}, {});
        CHECK(s.present() == 5);
        CHECK(s.held_back() == 3);
        s.pass(timeout);
        CHECK(s.present() == 2);
    }
    SUBCASE("but not what is told when it is over") {
        s.see({}, {});
        s.see({s.listed[2]}, {});
        CHECK(s.present() == 3);
        CHECK(s.held_back() == 1);
    }
    SUBCASE("nor by the next reading") {
        s.see({}, {});
        s.see({}, {}, false);
        s.see({s.listed[2]}, {}, false);
        CHECK(s.present() == 3);
        CHECK(s.held_back() == 1);
    }
}

TEST_CASE("a session that has had another connection before passes for disturbed when it is first told of") {
    hold_back h(50);
    muster::zk::session_info s;
    s.state = muster::zk::session_state::connected;
    s.connection = 4;
    s.timeout = timeout;
    membership m(remember);
    const std::vector<sighting> all{normal(numbered(0), 1), normal(numbered(1), 2)};
    m.apply({}, all, start);
    h.on_session(s, start);
    view_difference d{all, {}};
    h.sift(d, m, true, start + timeout);
    CHECK(h.all().size() == 2);
}

TEST_CASE("who is due when another mass goes counts as gone, not as there") {
    held_service s(5);
    s.lose({0, 1, 2});
    s.pass(timeout - 1s);
    s.disturb();
    s.at += 1500ms;
    s.lose({3, 4});
    CHECK(s.held_back() == 2);
    CHECK(s.present() == 2);
}

TEST_CASE("who said that it drains is believed, and not counted") {
    held_service s(3);
    muster::instance drains = numbered(0);
    drains.state = "draining";
    s.see({s.listed[0]}, {normal(drains, 1)});
    s.lose({1});
    CHECK(s.present() == 2);
    s.see({normal(drains, 1)}, {});
    CHECK(s.present() == 1);
    s.lose({2});
    CHECK(s.held_back() == 1);    // two of two
}

TEST_CASE("those who drain and go with the others are no part of the whole") {
    held_service s(7);
    std::vector<sighting> draining;
    for (std::size_t i = 0; i < 4; ++i) {
        muster::instance drains = numbered(i);
        drains.state = "draining";
        draining.push_back(normal(drains, static_cast<std::int64_t>(i + 1)));
    }
    s.see({s.listed.begin(), s.listed.begin() + 4}, draining);
    draining.insert(draining.end(), {s.listed[4], s.listed[5]});
    s.see(draining, {});
    CHECK(s.held_back() == 2);    // two of three
    CHECK(s.present() == 3);
}

TEST_CASE("while there is no connection nobody is let go, and once the view is fresh again those who are due are") {
    held_service s(3);
    s.lose({0, 1, 2});
    s.session.state = muster::zk::session_state::suspended;
    s.pass(timeout, false);
    CHECK(s.present() == 3);
    CHECK(s.held.due() == membership::time_point::max());    // when something is seen
    s.session.state = muster::zk::session_state::connected;
    s.disturb();
    s.pass(1s, false);
    CHECK(s.present() == 3);    // it is being read
    SUBCASE("fresh") { s.see({}, {}); }
    SUBCASE("something keeps it from ever being fresh") {
        CHECK(s.held.due() == s.at - 1s + timeout);
        s.pass(timeout - 1s, false);
    }
    CHECK(s.present() == 0);
}

TEST_CASE("instances that are replaced by as many others are no mass") {
    held_service s(3);
    s.see({s.listed[0], s.listed[1], s.listed[2]},
          {normal(numbered(10), 10), normal(numbered(11), 11), normal(numbered(12), 12)});
    CHECK(s.held_back() == 0);
    CHECK(s.present() == 3);
}
