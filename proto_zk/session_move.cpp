// Part of muster. Boost Software License 1.0, see LICENSE.
//
// To which servers a session goes, and when it leaves one for another.
#include "proto_zk/session.hpp"

#include "proto_zk/opcodes.hpp"

#include <algorithm>
#include <utility>

namespace muster::zk::proto {

/// A server that cannot arm the lasting watches would be left again, and what was written behind them be lost. Where no other
/// is left, it is tried: it may have been replaced.
void session::pass_over_old_servers(time_point now) {
    const auto old = [&] { return capabilities_.missing(hosts_.current(), to_wire(opcode::set_watches2), now); };
    if (!old() || !watches_.lasting()) return;
    for (std::size_t others = refusals_.size(); others != 0 && old(); --others) hosts_.skip();
}

error_code session::replace_hosts(std::span<const std::optional<std::size_t>> former, std::uint64_t random) {
    if (phase_ == phase::finished) return {};
    if (moving_) hosts_.lost();    // from where it is to be next
    const bool drawn = hosts_.replace(former, phase_ != phase::idle, random);
    if (moving_ && !drawn) hosts_.next(hosts_.current());    // it goes there still
    const bool leave = drawn || moving_;
    batching_.replace_hosts(former);
    capabilities_.replace_hosts(former);
    search_.replace_hosts(former.size());
    refusals_.assign(former.size(), extent::none);    // these may be better
    silent_.assign(former.size(), extent::none);
    if (const auto before = std::exchange(host_, std::nullopt)) {
        const auto now = std::find(former.begin(), former.end(), before);
        if (now != former.end()) host_ = static_cast<std::size_t>(now - former.begin());
    }
    refused_ = 0;
    if (phase_ == phase::idle) retry_at_ = {};
    if (!leave || closing_) return {};
    if (phase_ != phase::attached) return client_errc::moving;
    moving_ = true;
    return move_if_idle();
}

/// Who moves at once would leave requests without their replies, and nobody would know whether they were applied.
error_code session::move_if_idle() const noexcept {
    if (!moving_ || closing_ || awaits_replies()) return {};
    return client_errc::moving;
}

}    // namespace muster::zk::proto
