// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/sessions.hpp"

#include "embedded/chance.hpp"

#include <algorithm>
#include <cstring>

namespace muster::embedded {
namespace {

std::int64_t milliseconds_of(time_point t) noexcept {
    return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

}    // namespace

std::array<char, 16> sessions::password_of(zk::session_id id) const noexcept {
    std::array<char, 16> password{};
    std::uint64_t state = secret_ ^ static_cast<std::uint64_t>(id);
    for (std::size_t at = 0; at < password.size(); at += 8) {
        const std::uint64_t bits = next_random(state);
        std::memcpy(password.data() + at, &bits, sizeof bits);
    }
    return password;
}

bool sessions::accepts(zk::session_id id, std::string_view password) const noexcept {
    const auto expected = password_of(id);
    return password == std::string_view(expected.data(), expected.size());
}

void sessions::open(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now) {
    session& s = sessions_[id];
    s.timeout = timeout;
    s.owner = owner;
    schedule(id, s, now);
}

sessions::touched sessions::touch(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return touched::unknown;
    if (at->second.owner != owner) return touched::moved;
    at->second.timeout = timeout;
    schedule(id, at->second, now);
    return touched::yes;
}

bool sessions::move(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return false;
    at->second.owner = owner;
    return touch(id, timeout, owner, now) == touched::yes;
}

void sessions::touch_all(time_point now) {
    for (auto& [id, s] : sessions_) schedule(id, s, now);
}

void sessions::close(zk::session_id id) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return;
    if (const auto bucket = buckets_.find(at->second.expires); bucket != buckets_.end()) {
        bucket->second.erase(id);
        if (bucket->second.empty()) buckets_.erase(bucket);
    }
    sessions_.erase(at);
}

std::optional<time_point> sessions::next_expiry() const noexcept {
    if (buckets_.empty()) return std::nullopt;
    return time_point(std::chrono::milliseconds(buckets_.begin()->first));
}

std::vector<zk::session_id> sessions::expired(time_point now) const {
    std::vector<zk::session_id> ids;
    const std::int64_t t = milliseconds_of(now);
    for (auto bucket = buckets_.begin(); bucket != buckets_.end() && bucket->first <= t; ++bucket)
        ids.insert(ids.end(), bucket->second.begin(), bucket->second.end());
    return ids;
}

std::vector<zk::session_id> sessions::ids() const {
    std::vector<zk::session_id> ids;
    ids.reserve(sessions_.size());
    for (const auto& [id, s] : sessions_) ids.push_back(id);
    std::sort(ids.begin(), ids.end());
    return ids;
}

void sessions::schedule(zk::session_id id, session& s, time_point now) {
    const std::int64_t expires = ((milliseconds_of(now) + s.timeout.count()) / tick_ + 1) * tick_;
    if (expires == s.expires) return;
    if (const auto bucket = buckets_.find(s.expires); bucket != buckets_.end()) {
        auto moved = bucket->second.extract(id);
        if (bucket->second.empty()) buckets_.erase(bucket);
        if (!moved.empty()) {
            buckets_[expires].insert(std::move(moved));
            s.expires = expires;
            return;
        }
    }
    buckets_[expires].insert(id);
    s.expires = expires;
}

}    // namespace muster::embedded
