// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/hold_back.hpp"

#include "balance/readiness.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <utility>

namespace muster::balance {

void hold_back::on_session(const zk::session_info& s, time_point now) noexcept {
    const bool another = std::exchange(connection_, s.connection) != s.connection;
    timeout_ = s.timeout;
    connected_ = s.state == zk::session_state::connected;
    if (another) connected_at_ = now;
    // Nothing is seen while there is no connection: it is enough to know of the next one.
    if (another && s.connection > 1) disturbed_until_ = now + timeout_ + timeout_ / 2;
}

void hold_back::sift(view_difference& seen, const membership& m, bool fresh, time_point now) {
    if (!fresh && reading_ == 0) reading_ = ++readings_;
    fresh_ = fresh;
    const bool disturbed = percentage_ > 0 && now < disturbed_until_;
    if (!disturbed && held_.empty()) {
        departed_.clear();
    } else {
        // Who is due counts as gone once more: it is still there for the membership.
        const auto no_more = replaced(seen.come);
        if (disturbed && !seen.gone.empty()) hold(seen, m, now);
        const auto over = overdue(now);
        seen.gone.insert(seen.gone.end(), no_more.begin(), no_more.end());
        seen.gone.insert(seen.gone.end(), over.begin(), over.end());
    }
    if (fresh) reading_ = 0;
}

/// What was held of those who are seen again.
std::vector<sighting> hold_back::replaced(const std::vector<sighting>& come) {
    std::vector<sighting> over;
    for (const sighting& s : come) {
        if (const auto it = departed_.find(s.identity); it != departed_.end()) departed_.erase(it);
        const auto it = held_.find(s.identity);
        if (it == held_.end()) continue;
        over.push_back(std::move(it->second.seen));
        held_.erase(it);
    }
    return over;
}

/// What is held of those who are due.
std::vector<sighting> hold_back::overdue(time_point now) {
    std::vector<sighting> over;
    if (now < trusts_from()) return over;
    std::erase_if(held_, [&](auto& h) {
        if (h.second.until > now) return false;
        over.push_back(std::move(h.second.seen));
        return true;
    });
    return over;
}

void hold_back::hold(view_difference& seen, const membership& m, time_point now) {
    std::map<std::string_view, std::size_t> left;    // znodes, of those that lose one
    for (const sighting& s : seen.gone) --left.try_emplace(s.identity, m.sightings(s.identity)).first->second;
    std::set<std::string_view> newcomers;
    for (const sighting& s : seen.come) {
        if (const auto it = left.find(s.identity); it != left.end()) ++it->second;
        if (m.sightings(s.identity) == 0) newcomers.insert(s.identity);
    }
    std::erase_if(left, [](const auto& l) { return l.second > 0; });
    const std::size_t drained = std::erase_if(left, [&m](const auto& l) { return drains(*m.find(l.first)->seen.instance); });
    std::erase_if(departed_, [&](const auto& d) { return now - d.second.at > timeout_; });

    const std::size_t gone = left.size() + held_.size() + departed_.size();
    const std::size_t all = m.nodes().size() - drained + newcomers.size() + departed_.size();
    if (gone < 2 || gone * 100 <= all * percentage_) {
        for (const auto& [identity, none] : left)
            departed_.insert_or_assign(std::string(identity), departure{m.find(identity)->sighted(), now, reading_});
        return;
    }
    for (const auto& [identity, none] : left) keep(seen, m.find(identity)->sighted(), now);
    std::erase_if(departed_, [&](auto& d) {
        if (reading_ == 0 || d.second.reading != reading_) return false;
        keep(seen, std::move(d.second.seen), now);
        return true;
    });
}

void hold_back::keep(view_difference& seen, sighting s, time_point now) {
    s.role = role::normal;
    seen.come.push_back(s);
    const std::string identity(s.identity);
    held_.emplace(identity, held{std::move(s), now + timeout_});
}

/// From when on who is due may go.
hold_back::time_point hold_back::trusts_from() const noexcept {
    if (fresh_) return time_point::min();
    return connected_ ? connected_at_ + timeout_ : time_point::max();
}

hold_back::time_point hold_back::due() const noexcept {
    time_point first = time_point::max();
    for (const auto& [identity, h] : held_) first = std::min(first, h.until);
    return std::max(first, trusts_from());
}

std::vector<std::string> hold_back::all() const {
    std::vector<std::string> identities;
    for (const auto& [identity, h] : held_) identities.push_back(identity);
    return identities;
}

}    // namespace muster::balance
