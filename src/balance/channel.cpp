// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/channel.hpp"

#include <utility>

namespace muster::balance {

void channel::publish(table_ptr t) {
    {
        const std::lock_guard lock(mutex_);
        table_.swap(t);
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    // What t holds now may be the last of its nodes; it is freed without the lock.
}

std::pair<table_ptr, std::uint64_t> channel::current() const {
    const std::lock_guard lock(mutex_);
    return {table_, version_.load(std::memory_order_relaxed)};
}

hot_picker::hot_picker(channel_ptr c) : channel_(std::move(c)), state_(channel_->draw_seed()) {
    std::tie(table_, version_) = channel_->current();
}

hot_picker::hot_picker(const hot_picker& o) : hot_picker(o.channel_) {}

hot_picker& hot_picker::operator=(const hot_picker& o) {
    if (this != &o) *this = hot_picker(o);
    return *this;
}

void hot_picker::reload() noexcept { std::tie(table_, version_) = channel_->current(); }

publisher::publisher(std::uint64_t seed) noexcept : seeds_(seed) {}

channel_ptr publisher::get(policy p, pool q) {
    channel_ptr& c = channels_[static_cast<std::size_t>(p)][static_cast<std::size_t>(q)];
    if (!c) c = std::make_shared<channel>(build(p, q), seeds_.random());
    return c;
}

void publisher::publish(node_list all) {
    all_ = std::move(all);
    known_ = true;
    for_each_channel([this](policy p, pool q, channel& c) {
        const table_ptr shown = c.current().first;
        // E.g. the normals when the master changed. An empty table does not tell why it is empty: always replaced.
        if (!shown->nodes().empty() && shown->nodes() == select(q, all_)) return;
        c.publish(build(p, q));
    });
}

void publisher::close() {
    all_.clear();
    known_ = false;
    nobody_ = registry_errc::closed;
    for_each_channel([this](policy p, pool q, channel& c) { c.publish(build(p, q)); });
}

table_ptr publisher::build(policy p, pool q) const { return known_ ? build_table(p, q, all_) : build_empty_table(nobody_); }

template <class Function>
void publisher::for_each_channel(Function f) {
    for (std::size_t p = 0; p < channels_.size(); ++p) {
        for (std::size_t q = 0; q < channels_[p].size(); ++q) {
            if (channels_[p][q]) f(static_cast<policy>(p), static_cast<pool>(q), *channels_[p][q]);
        }
    }
}

}    // namespace muster::balance
