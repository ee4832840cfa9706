// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/faults.hpp"
#include "simulation/kernel.hpp"
#include "simulation/process.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace muster::sim {

/// Keeps account of operations: each completes once. Cancels some of them.
class ledger {
public:
    ledger(kernel& k, fault_counts& faults) : kernel_(k), faults_(faults), chance_(k.chance("cancellation")) {}

    /// How many of a hundred operations are cancelled, at a random time.
    void cancel(unsigned percent) noexcept { percent_ = percent; }

    std::uint64_t outstanding() const noexcept { return outstanding_; }

    /// Ends the run if an operation was dropped or completed twice.
    void check() {
        if (!wrong_.empty()) kernel_.fail("{}", wrong_);
    }

    /// From now on operations may be dropped: their context goes.
    void close() noexcept { closed_ = true; }

    /// `f` as the handler of an operation of `p`. It may be cancelled.
    template <class F>
    auto expect(process& p, std::string what, F f) {
        auto signal = std::make_shared<asio::cancellation_signal>();
        const auto slot = signal->slot();
        if (percent_ > 0 && chance_.percent(percent_)) cancel_later(p, what, signal);
        return asio::bind_cancellation_slot(slot, handler<F>(*this, std::move(what), std::move(signal), std::move(f)));
    }

    /// The same for one that is never cancelled.
    template <class F>
    auto expect_surely(std::string what, F f) {
        return handler<F>(*this, std::move(what), nullptr, std::move(f));
    }

    /// Closes what `get` gives. Who cancels that stops waiting for it, and asks again; `get` gives null when it is no more.
    template <class Get, class F>
    void close(process& p, const std::string& what, Get get, F done) {
        auto* const x = get();
        if (!x) return;
        x->close(expect(p, what, [this, &p, what, get, done](const error_code& ec) {
            if (ec == asio::error::operation_aborted) return close(p, what, get, done);
            done(ec);
        }));
    }

private:
    template <class F>
    class handler {
    public:
        handler(ledger& l, std::string what, std::shared_ptr<asio::cancellation_signal> signal, F f)
            : home_(&l), ledger_(&l), what_(std::move(what)), signal_(std::move(signal)), f_(std::move(f)) {
            ++ledger_->outstanding_;
        }
        handler(handler&& o) noexcept
            : home_(o.home_),
              ledger_(std::exchange(o.ledger_, nullptr)),
              what_(std::move(o.what_)),
              signal_(std::move(o.signal_)),
              f_(std::move(o.f_)) {}
        handler& operator=(handler&&) = delete;
        ~handler() {
            if (ledger_) ledger_->dropped(what_);
        }

        template <class... Args>
        void operator()(Args&&... args) {
            if (!std::exchange(ledger_, nullptr)) return home_->completed_again(what_);
            home_->completed();
            f_(std::forward<Args>(args)...);
        }

    private:
        ledger* home_;
        ledger* ledger_;    // null: it was completed, or moved from
        std::string what_;
        std::shared_ptr<asio::cancellation_signal> signal_;    // the operation's slot refers to it
        F f_;
    };

    void completed() noexcept { --outstanding_; }
    void dropped(const std::string& what) {
        --outstanding_;
        if (!closed_ && wrong_.empty()) wrong_ = "an operation was dropped without being completed: " + what;
    }
    void completed_again(const std::string& what) {
        if (wrong_.empty()) wrong_ = "an operation was completed twice: " + what;
    }
    void cancel_later(process& p, std::string what, std::weak_ptr<asio::cancellation_signal> signal);

    kernel& kernel_;
    fault_counts& faults_;
    random chance_;
    unsigned percent_ = 0;
    std::uint64_t outstanding_ = 0;
    bool closed_ = false;
    std::string wrong_;
};

}    // namespace muster::sim
