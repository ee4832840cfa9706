// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/embedded_server_impl.hpp"

#include "embedded/embedded_server_settings.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace muster::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t input_size = 256 * 1024;
// A few bytes can ask for a lot: who has kept the server for so long lets others have their turn.
constexpr auto turn = 2ms;
// After an accept that failed, as where the process has run out of descriptors.
constexpr auto accept_pause = 100ms;

/// Where a client is. One that comes by IPv4 to a server that listens on "::" has the address that it has everywhere else.
std::string address_of(const asio::ip::tcp::endpoint& peer) {
    const auto a = peer.address();
    if (!a.is_v6() || !a.to_v6().is_v4_mapped()) return a.to_string();
    return asio::ip::make_address_v4(asio::ip::v4_mapped, a.to_v6()).to_string();
}

}    // namespace

std::string to_text(const asio::ip::tcp::endpoint& e) {
    const std::string address = e.address().to_string();
    return (e.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(e.port());
}

embedded_server_impl::embedded_server_impl(asio::any_io_executor ex, embedded_server_params p,
                                           std::shared_ptr<runtime::world> world)
    : ex_(std::move(ex)),
      params_(checked(std::move(p))),
      world_(std::move(world)),
      endpoint_(asio::ip::make_address(params_.address), params_.port),
      ensemble_(settings_of(params_), 1, world_->random(), world_->now(), world_->wall_now()),
      input_(input_size),
      timer_(world_->make_timer(ex_)),
      now_(world_->now()) {}

void embedded_server_impl::start(error_code& ec) {
    const std::lock_guard lock(mutex_);
    ec.clear();
    if (shut_down_) ec = asio::error::shut_down;
    if (acceptor_ || shut_down_) return;
    now_ = world_->now();
    listen(ec);
    if (ec) return;
    ensemble_.restart(0, now_);
    settle();
    accept();
}

void embedded_server_impl::listen(error_code& ec) {
    tcp::acceptor a(ex_);
    a.open(endpoint_.protocol(), ec);
    // Connections of an earlier run that are not forgotten yet must not keep us from our port.
    if (!ec) a.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) a.bind(endpoint_, ec);
    if (!ec) a.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) return;
    endpoint_.port(a.local_endpoint(ec).port());
    if (!ec) acceptor_.emplace(std::move(a));
}

void embedded_server_impl::stop() noexcept {
    const std::lock_guard lock(mutex_);
    if (!acceptor_) return;
    now_ = world_->now();
    acceptor_.reset();
    ++listening_;
    accept_again_.reset();
    drop_all();
    ensemble_.crash(0, now_);
    ++wait_;
    wake_at_.reset();
    timer_->cancel();
}

bool embedded_server_impl::running() const {
    const std::lock_guard lock(mutex_);
    return acceptor_.has_value();
}

asio::ip::tcp::endpoint embedded_server_impl::endpoint() const {
    const std::lock_guard lock(mutex_);
    return endpoint_;
}

void embedded_server_impl::accept() {
    acceptor_->async_accept([self = shared_from_this(), listening = listening_](const error_code& ec, tcp::socket s) {
        const std::lock_guard lock(self->mutex_);
        if (listening == self->listening_ && !self->shut_down_) self->accepted(ec, std::move(s));
    });
}

void embedded_server_impl::accepted(const error_code& ec, tcp::socket socket) {
    now_ = world_->now();
    if (ec == asio::error::connection_aborted) return accept();    // it went before it was accepted
    if (ec) {
        accept_again_ = now_ + accept_pause;
        return wake_at(*accept_again_);
    }
    accept();
    if (refuse_) {
        ++refused_;
        return;
    }
    error_code failed;
    const auto peer = socket.remote_endpoint(failed);
    if (!failed) socket.non_blocking(true, failed);
    if (!failed) socket.set_option(tcp::no_delay(true), failed);
    if (failed) return;    // it went
    const auto c = std::make_shared<embedded_server_connection>(shared_from_this(), std::move(socket));
    c->id = server().open(*c, address_of(peer), now_);
    connections_.emplace(c->id, c);
    settle();
    c->await_readable();
}

void embedded_server_impl::readable(embedded_server_connection& c, const error_code& failed) {
    now_ = world_->now();
    if (!c.may_read()) return;    // settle() will come back to it
    error_code ec = failed;
    std::size_t n = 0;
    if (!ec) n = c.read(asio::buffer(input_), ec);
    if (ec) {
        lost(c);
        return settle();
    }
    bytes_in_ += n;
    serve(c, {input_.data(), n});
    settle();
    c.await_readable();
}

void embedded_server_impl::writable(embedded_server_connection& c, const error_code& failed) {
    now_ = world_->now();
    if (failed)
        lost(c);
    else
        c.flush();
    resume(c);
    settle();
}

/// Has the server serve `bytes`, frame by frame, as far as the client reads what it gets and its turn lasts; the rest is kept.
void embedded_server_impl::serve(embedded_server_connection& c, std::string_view bytes) {
    const auto begun = world_->now();
    while (!bytes.empty() && c.open() && !c.closing()) {
        if (!c.may_read()) c.flush();
        if (!c.may_read()) break;
        const std::size_t n = c.frames.take(bytes);
        server().received(c.id, bytes.substr(0, n), now_);
        bytes.remove_prefix(n);
        if (bytes.empty() || world_->now() - begun < turn) continue;
        await_turn(c);
        break;
    }
    c.unserved.append(bytes);
}

/// Goes on with a client that has read enough by now.
void embedded_server_impl::resume(embedded_server_connection& c) {
    if (c.waits_for_turn || !c.may_read()) return;
    if (!c.unserved.empty()) serve(c, std::exchange(c.unserved, {}));
    c.await_readable();
}

void embedded_server_impl::await_turn(embedded_server_connection& c) {
    c.waits_for_turn = true;
    turns_.push_back(c.shared_from_this());
    post_turn();
}

// What the sockets of others have brought meanwhile stands before it in the executor's queue.
void embedded_server_impl::post_turn() {
    if (turns_.empty() || std::exchange(turn_posted_, true)) return;
    asio::post(ex_, [self = shared_from_this()] {
        const std::lock_guard lock(self->mutex_);
        self->turn_posted_ = false;
        self->next_turn();
    });
}

void embedded_server_impl::next_turn() {
    if (turns_.empty()) return;
    now_ = world_->now();
    const auto c = std::move(turns_.front());
    turns_.pop_front();
    c->waits_for_turn = false;
    resume(*c);
    settle();
    post_turn();
}

/// After every call of the server: sends what it made it say, to whomever, and keeps its time.
void embedded_server_impl::settle() {
    do {
        for (std::size_t i = 0; i < waiting_output_.size(); ++i) {
            const auto c = waiting_output_[i];    // the vector may grow meanwhile
            c->flush();
            resume(*c);
        }
        waiting_output_.clear();
        while (unread_ > params_.max_unread_total) {
            const auto most = std::max_element(connections_.begin(), connections_.end(), [](const auto& a, const auto& b) {
                return a.second->unread() < b.second->unread();
            });
            lost(*most->second);
        }
    } while (!waiting_output_.empty());
    if (const auto t = ensemble_.deadline()) wake_at(*t);
}

void embedded_server_impl::lost(embedded_server_connection& c) {
    if (!c.closing()) server().closed(c.id, now_);
    finished(c);
}

void embedded_server_impl::finished(embedded_server_connection& c) {
    c.abandon();
    connections_.erase(c.id);
}

void embedded_server_impl::drop_all() {
    const auto all = std::exchange(connections_, {});
    for (const auto& [id, c] : all) {
        if (!c->closing()) server().closed(id, now_);
        c->abandon();
    }
    turns_.clear();
    settle();
}

void embedded_server_impl::wake_at(runtime::time_point t) {
    if (!acceptor_ || (wake_at_ && *wake_at_ <= t)) return;
    wake_at_ = t;
    timer_->expires_at(t);
    timer_->async_wait([self = shared_from_this(), wait = ++wait_](const error_code& ec) {
        const std::lock_guard lock(self->mutex_);
        if (ec || wait != self->wait_ || !self->acceptor_) return;
        self->wake_at_.reset();
        self->woken();
    });
}

void embedded_server_impl::woken() {
    now_ = world_->now();
    ensemble_.tick(now_);
    if (accept_again_ && *accept_again_ <= now_) {
        accept_again_.reset();
        accept();
    } else if (accept_again_) {
        wake_at(*accept_again_);
    }
    std::vector<std::shared_ptr<embedded_server_connection>> overdue;
    for (const auto& [id, c] : connections_) {
        const auto next = c->release(now_);
        if (c->overdue(now_))
            overdue.push_back(c);
        else if (next)
            wake_at(*next);
    }
    for (const auto& c : overdue) finished(*c);
    settle();
}

bool embedded_server_impl::expire_session(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    now_ = world_->now();
    const bool found = ensemble_.expire_session(id, now_) || server().expire_local_session(id, now_);
    settle();
    return found;
}

void embedded_server_impl::drop_connections() {
    const std::lock_guard lock(mutex_);
    now_ = world_->now();
    drop_all();
}

void embedded_server_impl::lose_next_write(write_loss when) {
    const std::lock_guard lock(mutex_);
    server().lose_next_write(when == write_loss::before ? embedded::loss::before : embedded::loss::after);
}

void embedded_server_impl::send_single_bytes(bool on) {
    const std::lock_guard lock(mutex_);
    single_bytes_ = on;
}

void embedded_server_impl::delay(std::chrono::milliseconds d) {
    const std::lock_guard lock(mutex_);
    delay_ = runtime::bounded(d);
}

void embedded_server_impl::refuse(bool on) {
    const std::lock_guard lock(mutex_);
    refuse_ = on;
}

void embedded_server_impl::read_only(bool on) {
    const std::lock_guard lock(mutex_);
    now_ = world_->now();
    server().set_read_only(on, now_);
    settle();
}

std::vector<std::int64_t> embedded_server_impl::sessions() const {
    const std::lock_guard lock(mutex_);
    return live_sessions();
}

/// Those that were opened while it is read-only, too.
std::vector<std::int64_t> embedded_server_impl::live_sessions() const {
    std::vector<std::int64_t> all = ensemble_.session_ids();
    const auto local = server().local_sessions();
    all.insert(all.end(), local.begin(), local.end());
    std::sort(all.begin(), all.end());
    return all;
}

embedded_server_counters embedded_server_impl::counters() const {
    const std::lock_guard lock(mutex_);
    embedded_server_counters c;
    c.connections = connections_.size();
    c.sessions = live_sessions().size();
    c.watches = server().watch_count();
    c.znodes = ensemble_.leader_tree().size();
    c.requests = server().requests();
    c.bytes_in = bytes_in_;
    c.bytes_out = bytes_out_;
    c.refused = refused_;
    return c;
}

void embedded_server_impl::on_context_shutdown() noexcept {
    const std::lock_guard lock(mutex_);
    shut_down_ = true;
    acceptor_.reset();    // from now on nothing waits
    timer_.reset();
    // What belongs to the context must not outlive it, nor be known to the ensemble.
    for (const auto& [id, c] : connections_) {
        if (!c->closing()) server().closed(id, now_);
        c->abandon();
    }
    connections_.clear();
    waiting_output_.clear();
    turns_.clear();
}

void embedded_server_impl::release_executors() noexcept {
    const std::lock_guard lock(mutex_);
    ex_ = nullptr;
}

}    // namespace muster::detail
