// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/household.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

household::household(environment& env, std::string name, std::vector<member*> members)
    : env_(env), chance_(env.time.chance(name)), name_(std::move(name)), members_(std::move(members)) {}

void household::start() {
    if (running()) {
        for (member* m : members_) {
            if (m->absent() && !session_->given_up) m->start(session_);
        }
    }
    if (!absent()) return;
    ++life_;
    const auto p = env_.make_process(name_);
    session_ = std::make_shared<shared_session>(shared_session{p, env_.make_client(p)});
    for (member* m : members_) m->start(session_);
}

void household::stop() {
    if (absent() || home()->frozen()) return;
    stopping_ = true;
    if (chance_.percent(30)) return close();
    for (member* m : members_) m->stop();
    tend();
}

std::size_t household::watched_paths() const {
    return std::accumulate(members_.begin(), members_.end(), std::size_t{0},
                           [](std::size_t n, const member* m) { return n + m->watched_paths(); });
}

void household::close() {
    if (std::exchange(closing_, true)) return;
    env_.time.note("{} closes its session", name_);
    const auto client = [this, life = life_] { return life == life_ ? &session_->client : nullptr; };
    env_.operations.close(*home(), name_ + " close", client, [this, life = life_](const error_code& ec) {
        env_.time.note("{} closed its session: {}", name_, ec.message());
        env_.time.after(0ns, [this, life] {
            if (life == life_) forget();
        });
    });
}

void household::crash() {
    if (absent()) return;
    env_.faults.count(fault::process_crashed);
    env_.kill(*session_->home);
    forget();
}

void household::forget() {
    ++life_;
    for (member* m : members_) m->crash();
    env_.expect_nothing_left(session_->home);
    session_.reset();
    stopping_ = closing_ = false;
}

void household::tend() {
    if (absent() || home()->frozen()) return;
    const bool all_gone = std::all_of(members_.begin(), members_.end(), [](const member* m) { return m->absent(); });
    if (session_->given_up && !closing_) {
        stopping_ = true;
        for (member* m : members_) m->stop();
    }
    if (!stopping_ || !all_gone || closing_) return;
    close();
}

}    // namespace muster::sim
