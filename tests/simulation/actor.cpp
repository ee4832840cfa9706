// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/actor.hpp"

#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

actor::actor(environment& env, std::string name) : env_(env), chance_(env.time.chance(name)), name_(std::move(name)) {}

void actor::appear() {
    home_ = env_.make_process(name_);
    client_ = env_.make_client(home_);
    env_.time.note("{} starts", name_);
    phase_ = phase::running;
    ++life_;
}

void actor::stopping() {
    env_.time.note("{} stops", name_);
    phase_ = phase::stopping;
}

void actor::close(std::function<void(const error_code&)> closed) {
    const auto client = [this, life = life_] { return life == life_ ? &*client_ : nullptr; };
    env_.operations.close(*home_, name_ + " close", client,
                          [this, life = life_, closed = std::move(closed)](const error_code& ec) {
                              env_.time.note("{} stopped: {}", name_, ec.message());
                              if (life != life_) return;
                              if (closed) closed(ec);
                              // Not from within its own handler.
                              env_.time.after(0ns, [this, life] {
                                  if (life == life_) forget();
                              });
                          });
}

void actor::crash() {
    if (absent()) return;
    env_.faults.count(fault::process_crashed);
    env_.kill(*home_);
    forget();
}

void actor::vanish() {
    ++life_;
    phase_ = phase::absent;
    client_.reset();
    env_.expect_nothing_left(std::exchange(home_, nullptr));
}

}    // namespace muster::sim
