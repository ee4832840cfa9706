// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrations under random interleavings and faults, from fixed seeds.
#include "registration_fixture.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <random>

namespace muster::registry::testing {
namespace {

class storm {
public:
    explicit storm(std::uint64_t seed) : random_(seed) {}

    void run() {
        const int count = 2 + draw(2);
        for (int i = 0; i < count; ++i) c_.add("m" + std::to_string(i));
        outstanding_.resize(static_cast<std::size_t>(count));
        for (int i = 0; i < 150; ++i) event();
        calm();
    }

private:
    int draw(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

    void event() {
        const auto i = static_cast<std::size_t>(draw(static_cast<int>(outstanding_.size())));
        cluster::member& x = c_.members()[i];
        switch (draw(24)) {
            case 0:
                x.m.on_session(zk::session_state::suspended, x.session);
                break;
            case 1:
                x.m.on_session(zk::session_state::connected, x.session);
                break;
            case 2:
                expire(i, false);
                break;
            case 3:
                expire(i, true);
                break;
            case 4:
                expire_everywhere();
                break;
            case 5:
                c_.tree.drop("/p/s/master");
                break;
            case 6:
                if (x.m.registered()) c_.tree.drop(x.m.path());
                break;
            case 7:
                c_.tree.set("/p/s/master", "changed by hand");
                break;
            case 8:
                x.what.weight = static_cast<std::uint32_t>(1 + draw(5));
                x.m.update(x.what);
                break;
            case 9:
                if (draw(6) == 0) x.m.close();
                break;
            case 10:
                c_.now += std::chrono::milliseconds(draw(200));
                break;
            case 11:
                c_.deliver();
                break;
            default:
                progress(i);
                break;
        }
    }

    /// Asks, or gives the answer to what was asked before.
    void progress(std::size_t i) {
        cluster::member& x = c_.members()[i];
        auto& waiting = outstanding_[i];
        if (waiting) {
            const auto s = std::move(*waiting);
            waiting.reset();
            const int f = draw(10);
            c_.answer(x, s, f == 0 ? fault::lost_before : f == 1 ? fault::lost_after : fault::none, random_());
            return;
        }
        auto s = x.m.next(c_.now);
        if (s.what == registration::step::kind::ask) waiting = std::move(s);
    }

    /// The session of one ends: told by the server, or by the client's own clock while the server keeps it for a while.
    void expire(std::size_t i, bool locally) {
        cluster::member& x = c_.members()[i];
        if (locally) {
            ghosts_.push_back(x.session);
        } else {
            c_.tree.end_session(x.session);
        }
        if (auto& waiting = outstanding_[i]) {
            const auto s = std::move(*waiting);
            waiting.reset();
            if (draw(2) == 0 && locally) c_.tree.perform(s.ask, x.session);
            reply r;
            r.ec = zk::client_errc::connection_lost;
            if (draw(2) == 0) x.expire_locally();
            x.m.on_reply(std::move(r), c_.now, random_());
        }
        if (draw(2) == 0) x.expire_locally();
        x.connect();
    }

    void expire_everywhere() {
        for (const zk::session_id s : std::exchange(ghosts_, {})) c_.tree.end_session(s);
    }

    void calm() {
        for (std::size_t i = 0; i < outstanding_.size(); ++i) {
            cluster::member& x = c_.members()[i];
            if (outstanding_[i]) progress(i);
            x.m.on_session(zk::session_state::connected, x.session);
        }
        c_.settle();
        expire_everywhere();
        c_.settle();
        c_.check_invariants();
        std::size_t ephemerals = 0;
        std::size_t live = 0;
        for (const auto& [path, n] : c_.tree.nodes()) ephemerals += n.stat.ephemeral_owner != 0 ? 1 : 0;
        for (cluster::member& x : c_.members()) live += x.m.registered() ? 1 : 0;
        CHECK(ephemerals == live);
    }

    std::mt19937_64 random_;
    cluster c_;
    std::vector<std::optional<registration::step>> outstanding_;
    std::vector<zk::session_id> ghosts_;
};

}    // namespace

TEST_CASE("whatever happens, in the end there is one master, and one znode for each that lives") {
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        CAPTURE(seed);
        storm(seed).run();
    }
}

}    // namespace muster::registry::testing
