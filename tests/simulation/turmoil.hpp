// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/cast.hpp"
#include "simulation/environment.hpp"
#include "simulation/faults.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace muster::sim {

/// Strikes at random while it lasts, and undoes everything when it ends. Which kinds of faults there are differs from time to
/// time: some bugs show only where others do not hide them.
class turmoil {
public:
    turmoil(environment& env, cast& actors);

    void begin();
    void end();
    bool lasts() const noexcept { return lasts_; }

private:
    void strike_later();
    void strike(fault f);
    void strike_connection(fault f);
    void strike_server(fault f);
    void strike_name(fault f);
    void strike_process(fault f);
    void break_some();
    void undo_after(instant d, std::function<void()> undo);
    void undo(std::uint64_t id);

    environment& env_;
    cast& actors_;
    random chance_;
    bool lasts_ = false;
    std::uint64_t round_ = 0;
    instant pause_{};
    std::vector<fault> kinds_;
    std::uint64_t last_undo_ = 0;
    std::map<std::uint64_t, std::function<void()>> undos_;
};

}    // namespace muster::sim
