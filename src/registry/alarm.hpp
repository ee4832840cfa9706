// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/world.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace muster::registry {

/// A timer that can be set anew at any time; only the latest setting rings. Used on one strand.
class alarm {
public:
    alarm(runtime::world& w, const boost::asio::any_io_executor& ex) : ex_(ex), timer_(w.make_timer(ex)) {}

    /// Calls `ring` at `t`, unless set or cleared before. It is not called after the alarm is gone.
    void set(runtime::time_point t, std::function<void()> ring) {
        if (at_ == t) return;
        clear();
        at_ = t;
        timer_->expires_at(t);
        const auto wait = [turn = std::weak_ptr<std::uint64_t>(turn_), mine = *turn_, this, ring = std::move(ring)](error_code) {
            const auto now = turn.lock();
            if (!now || *now != mine) return;
            at_.reset();
            ring();
        };
        timer_->async_wait(boost::asio::bind_executor(ex_, wait));
    }

    void clear() {
        ++*turn_;
        if (at_) timer_->cancel();
        at_.reset();
    }

private:
    boost::asio::any_io_executor ex_;
    std::unique_ptr<runtime::timer> timer_;
    std::optional<runtime::time_point> at_;
    std::shared_ptr<std::uint64_t> turn_ = std::make_shared<std::uint64_t>(0);    // number of the setting
};

}    // namespace muster::registry
