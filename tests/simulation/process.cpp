// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/process.hpp"

#include "simulation/network.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muster::sim {

// Timers -------------------------------------------------------------------------------------------------------------------

class process::wait_timer final : public runtime::timer {
public:
    wait_timer(process& owner, asio::any_io_executor ex) : owner_(owner), ex_(std::move(ex)) {}
    ~wait_timer() override { wait_timer::cancel(); }

    void expires_at(runtime::time_point t) override {
        cancel();
        at_ = t;
    }
    void async_wait(runtime::void_handler h) override {
        cancel();
        done_.emplace(std::move(h), ex_);
        id_ = ++owner_.last_wait_;
        if (owner_.dead_) return end(asio::error::operation_aborted);
        owner_.waits_.emplace(id_, this);
        owner_.kernel_.at(owner_.at_kernel(at_), [&owner = owner_, id = id_] { owner.fire(id); });
    }
    void cancel() noexcept override {
        if (!done_) return;
        owner_.waits_.erase(id_);
        end(asio::error::operation_aborted);
    }

    void end(error_code ec) {
        runtime::completion<void(error_code)> done(std::move(*done_));
        done_.reset();
        done.post(ec);
    }

private:
    process& owner_;
    const asio::any_io_executor ex_;
    runtime::time_point at_{};
    std::uint64_t id_ = 0;
    std::optional<runtime::completion<void(error_code)>> done_;
};

void process::fire(std::uint64_t id) {
    if (dead_ || !waits_.contains(id)) return;    // it was cancelled
    when_awake([this, id] {
        auto node = waits_.extract(id);
        if (node) node.mapped()->end({});
    });
}

std::unique_ptr<runtime::timer> process::make_timer(const asio::any_io_executor& ex) {
    return std::make_unique<wait_timer>(*this, ex);
}

// Clock --------------------------------------------------------------------------------------------------------------------

process::process(kernel& k, network& n, std::string name, std::size_t number, std::chrono::hours offset, std::int64_t rate)
    : kernel_(k),
      network_(n),
      name_(std::move(name)),
      number_(number),
      epoch_(std::chrono::duration_cast<runtime::duration>(offset)),
      rate_(rate),
      chance_(k.chance(name_ + "/" + std::to_string(number))) {}

runtime::time_point process::local(instant t) const noexcept {
    return epoch_ + t + instant(t.count() / 1'000'000 * rate_ + t.count() % 1'000'000 * rate_ / 1'000'000);
}

instant process::at_kernel(runtime::time_point t) const noexcept {
    const instant local_time = t - epoch_;
    // A run is much shorter; and with much longer times the arithmetic would overflow.
    if (local_time > std::chrono::hours(24)) return std::chrono::hours(24);
    const std::int64_t d = local_time.count();
    instant guess(d - d / 1'000'000 * rate_ - 1 - worst_rate * worst_rate);
    // The guess is off by the square of the rate at most, which over a day is less than a millisecond.
    instant step = std::chrono::milliseconds(1);
    while (local(guess) >= t) guess -= step;
    for (; step.count() > 0; step /= 2) {
        while (local(guess + step) < t) guess += step;
    }
    return guess + instant(1);
}

// Standing still and dying -------------------------------------------------------------------------------------------------

void process::when_awake(std::function<void()> act) {
    if (dead_) return;
    if (frozen_) {
        asleep_.push_back(std::move(act));
    } else {
        act();
    }
}

void process::thaw() {
    if (!std::exchange(frozen_, false)) return;
    const auto acts = std::exchange(asleep_, {});
    for (const auto& act : acts) act();
}

void process::die() {
    if (std::exchange(dead_, true)) return;
    frozen_ = false;
    asleep_.clear();
    std::vector<std::pair<std::uint64_t, wait_timer*>> waits(waits_.begin(), waits_.end());
    std::sort(waits.begin(), waits.end());    // the order of a hash table depends on its history
    waits_.clear();
    for (const auto& [id, w] : waits) w->end(asio::error::operation_aborted);
    network_.on_death(*this);
}

// Network ------------------------------------------------------------------------------------------------------------------

void process::async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port, runtime::resolve_handler h) {
    network_.resolve(*this, {std::move(h), ex}, host, port);
}

void process::async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) {
    network_.connect(*this, ex, to, {std::move(h), ex});
}

}    // namespace muster::sim
