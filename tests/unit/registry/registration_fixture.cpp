// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/registry/registration_fixture.hpp"

#include <algorithm>
#include <utility>

namespace muster::registry::testing {

cluster::cluster() = default;
cluster::~cluster() = default;

cluster::member& cluster::add(const std::string& code, bool shared) {
    instance i("10.0.0.1", 80);
    i.unique_code = code;
    registration_params p;
    p.layout = layout;
    p.service_path = "/p/s";
    p.shared = shared;
    return members_.emplace_back(*this, i, p);
}

void cluster::answer(member& x, const registration::step& s, fault f, std::uint64_t random) {
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

bool cluster::step(member& x, fault f) {
    const auto s = x.m.next(now);
    if (s.what != registration::step::kind::ask) return false;
    answer(x, s, f);
    return true;
}

void cluster::deliver() {
    for (const auto& f : tree.take_fired()) {
        for (member& x : members_) {
            if (x.dead || x.session != f.session) continue;
            if (f.path == x.m.path()) x.m.on_watch(registration::watch::own);
            if (f.path == "/p/s/master") x.m.on_watch(registration::watch::master);
        }
    }
}

bool cluster::settle_at(registration::time_point t) {
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

void cluster::settle() {
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

void cluster::check_invariants() {
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

}    // namespace muster::registry::testing
