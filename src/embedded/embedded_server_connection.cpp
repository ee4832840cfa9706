// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/embedded_server_connection.hpp"

#include "embedded/embedded_server_impl.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <string_view>
#include <utility>

namespace muster::detail {
namespace {

// For a client to take what it was told before the server closed its connection.
constexpr auto closing_grace = std::chrono::seconds(2);

bool not_now(const error_code& ec) noexcept { return ec == asio::error::would_block || ec == asio::error::try_again; }

}    // namespace

embedded_server_connection::embedded_server_connection(std::shared_ptr<embedded_server_impl> owner, asio::ip::tcp::socket socket)
    : owner_(std::move(owner)), socket_(std::move(socket)) {}

void embedded_server_connection::announce_output() {
    if (std::exchange(announced_, true)) return;
    owner_->has_output(*this);
}

void embedded_server_connection::send(std::string_view bytes) {
    if (!open_) return;
    announce_output();
    owner_->unread(0, bytes.size());
    if (held_back_.empty() && owner_->delay() == owner_->delay().zero()) {
        out_.append(bytes);
        return;
    }
    // Never earlier than what was said before it.
    auto due = owner_->now() + owner_->delay();
    if (!held_back_.empty()) due = std::max(due, held_back_.back().due);
    if (held_back_.empty() || held_back_.back().due != due) {
        held_back_.push_back({due, {}});
        owner_->wake_at(due);
    }
    held_back_.back().bytes.append(bytes);
    held_back_size_ += bytes.size();
}

void embedded_server_connection::close() {
    closing_ = true;
    // Who closes its session gets the reply behind all the others; who does not read at all must not keep its descriptor.
    auto told = owner_->now() + owner_->delay();
    if (!held_back_.empty()) told = std::max(told, held_back_.back().due);
    give_up_at_ = told + closing_grace;
    owner_->wake_at(give_up_at_);
    announce_output();
}

bool embedded_server_connection::may_read() const noexcept { return open_ && !closing_ && unread() <= owner_->max_unread(); }

void embedded_server_connection::await_readable() {
    if (reading_ || !unserved.empty() || !may_read()) return;
    reading_ = true;
    socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](const error_code& ec) {
        const std::lock_guard lock(self->owner_->mutex());
        self->reading_ = false;
        if (self->open_) self->owner_->readable(*self, ec);
    });
}

void embedded_server_connection::await_writable() {
    writing_ = true;
    socket_.async_wait(asio::ip::tcp::socket::wait_write, [self = shared_from_this()](const error_code& ec) {
        const std::lock_guard lock(self->owner_->mutex());
        self->writing_ = false;
        if (self->open_) self->owner_->writable(*self, ec);
    });
}

std::size_t embedded_server_connection::read(asio::mutable_buffer into, error_code& ec) {
    const std::size_t n = socket_.read_some(into, ec);
    if (not_now(ec)) ec.clear();
    return n;
}

void embedded_server_connection::flush() {
    announced_ = false;
    if (!open_ || writing_) return;
    while (!out_.empty()) {
        error_code ec;
        const auto next = out_.next();
        std::array<asio::const_buffer, embedded::output_queue::parts> buffers;
        std::transform(next.begin(), next.end(), buffers.begin(), [](std::string_view part) { return asio::buffer(part); });
        if (owner_->sends_single_bytes()) buffers = {asio::buffer(next.front().substr(0, 1))};
        const std::size_t n = socket_.write_some(buffers, ec);
        out_.sent(n);
        owner_->sent(n);
        owner_->unread(n, 0);
        if (not_now(ec)) return await_writable();
        if (ec) return owner_->lost(*this);
    }
    if (closing_ && held_back_.empty()) owner_->finished(*this);
}

std::optional<runtime::time_point> embedded_server_connection::release(runtime::time_point now) {
    for (; !held_back_.empty() && held_back_.front().due <= now; held_back_.pop_front()) {
        out_.append(held_back_.front().bytes);
        held_back_size_ -= held_back_.front().bytes.size();
        announce_output();
    }
    std::optional<runtime::time_point> next;
    if (closing_) next = give_up_at_;
    if (!held_back_.empty() && (!next || held_back_.front().due < *next)) next = held_back_.front().due;
    return next;
}

void embedded_server_connection::abandon() noexcept {
    if (!std::exchange(open_, false)) return;
    owner_->unread(unread(), 0);
    error_code ignored;
    socket_.close(ignored);
}

}    // namespace muster::detail
