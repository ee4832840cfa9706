// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Some registrations on one tree, with a clock that the test turns.
#pragma once

#include "registry/registration.hpp"

#include "fake_tree.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <memory>
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

    cluster();
    ~cluster();

    member& add(const std::string& code, bool shared = false);
    member& at(int i) { return members_[static_cast<std::size_t>(i)]; }
    std::deque<member>& members() { return members_; }

    void answer(member& x, const registration::step& s, fault f, std::uint64_t random = 0);

    /// One request of `x`; false if it has none now.
    bool step(member& x, fault f = fault::none);

    /// Events that fired reach their machines.
    void deliver();

    /// Answers everything that can be asked now. False if there was nothing.
    bool settle_at(registration::time_point t);

    /// Answers and lets time pass until nobody wants anything.
    void settle();

    /// What must hold once nobody wants anything.
    void check_invariants();

    std::shared_ptr<const registry::layout> layout = make_micro_service_layout();
    fake_tree tree;
    registration::time_point now{std::chrono::hours(1)};

private:
    std::deque<member> members_;
    zk::session_id sessions_ = 0;
};

}    // namespace muster::registry::testing
