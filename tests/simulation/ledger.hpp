// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/faults.hpp"
#include "simulation/kernel.hpp"
#include "simulation/process.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <cstddef>
#include <list>
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

    std::size_t outstanding() const noexcept { return books_->pending.size(); }

    /// An operation that has had so long to be completed and was not; empty: none. Those that wait for something to happen do not
    /// count.
    std::string overdue(instant age) const;

    /// Ends the run if an operation was dropped or completed twice.
    void check() {
        if (!books_->wrong.empty()) kernel_.fail("{}", books_->wrong);
    }

    /// From now on operations may be dropped: their context goes.
    void let_go() noexcept { books_->closed = true; }

    /// `f` as the handler of an operation of `p`. It may be cancelled.
    template <class F>
    auto expect(process& p, std::string what, F f) {
        return begin(p, std::move(what), false, std::move(f));
    }

    /// The same for one that waits for something to happen, however long.
    template <class F>
    auto await(process& p, std::string what, F f) {
        return begin(p, std::move(what), true, std::move(f));
    }

    /// The same as `expect` for one that is never cancelled.
    template <class F>
    auto expect_surely(std::string what, F f) {
        return handler<F>(books_, {std::move(what), kernel_.now(), false}, nullptr, std::move(f));
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
    struct operation {
        std::string what;
        instant since;
        bool waits;
    };
    using entry = std::list<operation>::iterator;
    /// Handlers share it: the last of them are destroyed with their context, and that is when the ledger has gone.
    struct books {
        std::list<operation> pending;    // in the order in which they were begun
        bool closed = false;
        std::string wrong;
    };

    template <class F>
    auto begin(process& p, std::string what, bool waits, F f) {
        auto signal = std::make_shared<asio::cancellation_signal>();
        const auto slot = signal->slot();
        if (percent_ > 0 && chance_.percent(percent_)) cancel_later(p, what, signal);
        return asio::bind_cancellation_slot(
            slot, handler<F>(books_, {std::move(what), kernel_.now(), waits}, std::move(signal), std::move(f)));
    }

    template <class F>
    class handler {
    public:
        handler(std::shared_ptr<books> b, operation o, std::shared_ptr<asio::cancellation_signal> signal, F f)
            : books_(std::move(b)),
              entry_(books_->pending.insert(books_->pending.end(), std::move(o))),
              signal_(std::move(signal)),
              f_(std::move(f)) {}
        handler(handler&& o) noexcept
            : books_(o.books_),
              entry_(o.entry_),
              owes_(std::exchange(o.owes_, false)),
              signal_(std::move(o.signal_)),
              f_(std::move(o.f_)) {}
        handler& operator=(handler&&) = delete;
        ~handler() {
            if (!owes_) return;
            if (!books_->closed) wrong("an operation was dropped without being completed: " + entry_->what);
            books_->pending.erase(entry_);
        }

        template <class... Args>
        void operator()(Args&&... args) {
            if (!std::exchange(owes_, false)) return wrong("an operation was completed twice: " + what_);
            what_ = std::move(entry_->what);
            books_->pending.erase(entry_);
            f_(std::forward<Args>(args)...);
        }

    private:
        void wrong(std::string what) {
            if (books_->wrong.empty()) books_->wrong = std::move(what);
        }

        const std::shared_ptr<books> books_;
        entry entry_;
        bool owes_ = true;                                     // it was neither completed nor moved from
        std::string what_;                                     // once it was completed
        std::shared_ptr<asio::cancellation_signal> signal_;    // the operation's slot refers to it
        F f_;
    };

    void cancel_later(process& p, std::string what, std::weak_ptr<asio::cancellation_signal> signal);

    kernel& kernel_;
    fault_counts& faults_;
    random chance_;
    unsigned percent_ = 0;
    const std::shared_ptr<books> books_ = std::make_shared<books>();
};

}    // namespace muster::sim
