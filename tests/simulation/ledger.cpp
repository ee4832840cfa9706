// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/ledger.hpp"

namespace muster::sim {

using namespace std::chrono_literals;

std::string ledger::overdue(instant age) const {
    for (const operation& o : books_->pending) {
        if (o.since + age > kernel_.now()) break;
        if (!o.waits) return fmt::format("{} has not been completed in {} s", o.what, (kernel_.now() - o.since) / 1s);
    }
    return {};
}

void ledger::cancel_later(process& p, std::string what, std::weak_ptr<asio::cancellation_signal> signal) {
    // Most operations take a round trip; those that wait for something take for ever.
    const instant longest = chance_.percent(70) ? instant(5ms) : instant(3s);
    kernel_.after(chance_.between(0us, longest), [this, &p, what = std::move(what), signal = std::move(signal)] {
        p.when_awake([this, &p, what, signal] {
            const auto s = signal.lock();
            if (!s) return;
            faults_.count(fault::cancellation);
            kernel_.note("{} cancels {}", p.name(), what);
            switch (chance_.below(3)) {
                case 0:
                    return s->emit(asio::cancellation_type::terminal);
                case 1:
                    return s->emit(asio::cancellation_type::partial);
                default:
                    return s->emit(asio::cancellation_type::total);
            }
        });
    });
}

}    // namespace muster::sim
