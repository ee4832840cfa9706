// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "support/forwarding_world.hpp"

#include <functional>
#include <utility>

namespace muster::test {

/// Another world, in which another thread seems to act at the moment when somebody looks at the clock.
class interrupting_world final : public forwarding_world {
public:
    using forwarding_world::forwarding_world;

    /// Acts once, after so many looks.
    void act_after(int looks, std::function<void()> act) {
        looks_ = looks;
        act_ = std::move(act);
    }

    runtime::time_point now() noexcept override {
        if (act_ && looks_-- == 0) std::exchange(act_, nullptr)();
        return forwarding_world::now();
    }

private:
    int looks_ = 0;
    std::function<void()> act_;
};

}    // namespace muster::test
