// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/register_events.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace muster;
using cli::register_event;
using cli::register_events;
using strings = std::vector<std::string>;
using zk::session_state;

namespace {

/// Shows states and gathers what is told of them.
struct fixture {
    strings told;
    registration_status now;
    register_events events{[this](const register_event& e) {
        switch (e.what) {
            case register_event::kind::registered:
                told.push_back(std::string("registered ") + to_string(e.role) + " " + e.path);
                break;
            case register_event::kind::role:
                told.push_back(std::string("role ") + to_string(e.role));
                break;
            case register_event::kind::session:
                told.push_back(std::string("session ") + to_string(e.state));
                break;
            case register_event::kind::closed:
                told.push_back("closed");
                break;
        }
    }};

    strings session(session_state s, std::uint64_t generation = 1) {
        now.session.state = s;
        now.session.generation = generation;
        return show();
    }
    strings role(muster::role r, std::string path = {}) {
        now.role = r;
        now.path = std::move(path);
        return show();
    }
    strings show() {
        told.clear();
        events.show(now);
        return told;
    }
    void stand(muster::role r, const std::string& path) {
        session(session_state::connected);
        role(r, path);
    }
};

}    // namespace

TEST_CASE_FIXTURE(fixture, "from the start to the end") {
    CHECK(show() == strings{});
    CHECK(session(session_state::connecting, 0) == strings{});
    CHECK(session(session_state::connected) == strings{"session connected"});
    CHECK(role(role::normal, "/p/s/normal0000000001") == strings{"registered normal /p/s/normal0000000001"});
    CHECK(show() == strings{});
    CHECK(role(role::master, "/p/s/master") == strings{"role master"});
    now.closed = true;
    CHECK(show() == strings{"closed"});
    CHECK(show() == strings{});
}

TEST_CASE_FIXTURE(fixture, "a lost connection leaves the registration as it is") {
    stand(role::master, "/p/s/master");
    CHECK(session(session_state::suspended) == strings{"session suspended"});
    CHECK(session(session_state::connected) == strings{"session connected"});
}

TEST_CASE_FIXTURE(fixture, "an expired session takes the registration along") {
    stand(role::master, "/p/s/master");
    now.role = role::none;
    now.path.clear();
    CHECK(session(session_state::expired) == strings{"session expired", "role none"});
    CHECK(session(session_state::connected, 2) == strings{"session connected"});
    CHECK(role(role::normal, "/p/s/normal0000000004") == strings{"registered normal /p/s/normal0000000004"});
}

TEST_CASE_FIXTURE(fixture, "an expiry is told also when it passed unseen") {
    stand(role::master, "/p/s/master");
    CHECK(session(session_state::connected, 2) ==
          strings{"session expired", "session connected", "registered master /p/s/master"});
}

TEST_CASE_FIXTURE(fixture, "a znode that was deleted and made again is told, seen or unseen") {
    stand(role::normal, "/p/s/normal0000000001");
    CHECK(role(role::none) == strings{"role none"});
    CHECK(role(role::normal, "/p/s/normal0000000002") == strings{"registered normal /p/s/normal0000000002"});
    CHECK(role(role::normal, "/p/s/normal0000000003") == strings{"registered normal /p/s/normal0000000003"});
}

TEST_CASE_FIXTURE(fixture, "closed says so from any state, once there was a session") {
    SUBCASE("connected, not registered") { session(session_state::connected); }
    SUBCASE("registered") { stand(role::normal, "/p/s/normal0000000001"); }
    SUBCASE("suspended") {
        stand(role::master, "/p/s/master");
        session(session_state::suspended);
    }
    SUBCASE("expired") {
        session(session_state::connected);
        session(session_state::expired);
    }
    now.closed = true;
    CHECK(show() == strings{"closed"});
}

TEST_CASE_FIXTURE(fixture, "where there never was a session, nothing is closed") {
    CHECK(session(session_state::connecting, 0) == strings{});
    now.closed = true;
    CHECK(show() == strings{});
}
