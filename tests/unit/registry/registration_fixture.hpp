// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Some registrations on one tree, with a clock that the test turns.
#pragma once

#include "registry/registration.hpp"

#include "fake_tree.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <string>

namespace muster::registry::testing {

/// What becomes of a request.
enum class fault { none, lost_before, lost_after };

class cluster {
public:
    struct member {
        cluster& c;
        instance what;
        registration m;
        zk::session_id session = 0;
        bool dead = false;
        bool closed = false;

        member(cluster& c_, const instance& i, registration_params p) : c(c_), what(i), m(std::move(p), i) { connect(); }

        void connect() {
            session = ++c.sessions_;
            m.on_session(zk::session_state::connected, session);
        }
        /// Lives on the session of another from now on.
        void join(const member& other) {
            session = other.session;
            m.on_session(zk::session_state::connected, session);
        }
        /// The client's own clock says that the session is over; the server may think otherwise.
        void expire_locally() { m.on_session(zk::session_state::expired, session); }
        /// The process dies and its session ends.
        void kill() {
            dead = true;
            c.tree.end_session(session);
        }
    };

    member& add(const std::string& code, bool shared = false) {
        instance i("10.0.0.1", 80);
        i.unique_code = code;
        registration_params p;
        p.layout = layout;
        p.service_path = "/p/s";
        p.shared = shared;
        return members_.emplace_back(*this, i, p);
    }
    member& at(int i) { return members_[static_cast<std::size_t>(i)]; }
    std::deque<member>& members() { return members_; }

    void answer(member& x, const registration::step& s, fault f, std::uint64_t random = 0) {
        reply r;
        if (f != fault::lost_before) r = tree.perform(s.ask, x.session);
        const bool reads = s.ask.what == request::kind::get || s.ask.what == request::kind::exists ||
                           s.ask.what == request::kind::children || s.ask.what == request::kind::sync;
        if (f != fault::none && !reads) {    // the client repeats reads by itself
            r = reply();
            r.ec = zk::client_errc::connection_lost;
        } else if (f == fault::lost_before) {
            r = tree.perform(s.ask, x.session);
        }
        deliver();
        x.m.on_reply(std::move(r), now, random);
    }

    /// One request of `x`; false if it has none now.
    bool step(member& x, fault f = fault::none) {
        const auto s = x.m.next(now);
        if (s.what != registration::step::kind::ask) return false;
        answer(x, s, f);
        return true;
    }

    /// Events that fired reach their machines.
    void deliver() {
        for (const auto& f : tree.take_fired()) {
            for (member& x : members_) {
                if (x.dead || x.session != f.session) continue;
                if (f.path == x.m.path()) x.m.on_watch(registration::watch::own);
                if (f.path == "/p/s/master") x.m.on_watch(registration::watch::master);
            }
        }
    }

    /// Answers everything that can be asked now. False if there was nothing.
    bool settle_at(registration::time_point t) {
        now = t;
        bool any = false;
        for (int rounds = 0;; ++rounds) {
            REQUIRE(rounds < 10'000);
            deliver();
            bool asked = false;
            for (member& x : members_) asked = (!x.dead && step(x)) || asked;
            if (!asked) return any;
            any = true;
        }
    }

    /// Answers and lets time pass until nobody wants anything.
    void settle() {
        for (int rounds = 0;; ++rounds) {
            REQUIRE(rounds < 10'000);
            settle_at(now);
            auto next = registration::time_point::max();
            for (member& x : members_) {
                const auto s = x.dead ? registration::step() : x.m.next(now);
                if (s.what == registration::step::kind::wait) next = std::min(next, s.at);
            }
            if (next == registration::time_point::max()) return;
            now = next;
        }
    }

    /// What must hold once nobody wants anything.
    void check_invariants() {
        bool live = false;
        for (member& x : members_) {
            const auto owned = tree.owned_by(x.session);
            if (x.dead || x.closed) {
                CHECK((x.dead || owned.empty()));
                continue;
            }
            if (x.m.next(now).what == registration::step::kind::done) continue;
            live = true;
            REQUIRE(owned.size() == 1);
            CHECK(owned.front() == x.m.path());
            CHECK(x.m.published());
            CHECK(tree.find(x.m.path())->stat.czxid == x.m.czxid());
            CHECK(x.m.role() == (x.m.path() == "/p/s/master" ? role::master : role::normal));
            CHECK_FALSE(x.m.last_error());
        }
        CHECK((tree.find("/p/s/master") != nullptr || !live));
    }

    std::shared_ptr<const registry::layout> layout = make_micro_service_layout();
    fake_tree tree;
    registration::time_point now{std::chrono::hours(1)};

private:
    std::deque<member> members_;
    zk::session_id sessions_ = 0;
};

}    // namespace muster::registry::testing
