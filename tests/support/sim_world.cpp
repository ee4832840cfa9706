// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/sim_world.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cstring>

namespace muster::test {

// Streams ------------------------------------------------------------------------------------------------------------------

class sim_stream final : public runtime::byte_stream {
public:
    sim_stream(asio::any_io_executor ex, std::shared_ptr<sim_peer> peer) : ex_(std::move(ex)), peer_(std::move(peer)) {}
    ~sim_stream() override { sim_stream::close(); }

    void async_read_some(asio::mutable_buffer b, runtime::size_handler h) override {
        auto read = make_pending<void(error_code, std::size_t)>(std::move(h), ex_);
        std::unique_lock lock(peer_->mutex_);
        if (peer_->client_closed_) {
            lock.unlock();
            read->complete(error_code(asio::error::bad_descriptor), std::size_t{0});
            return;
        }
        peer_->read_ = std::move(read);
        peer_->read_into_ = b;
        peer_->serve_read(lock);
    }

    std::size_t try_write(asio::const_buffer b, error_code& ec) override {
        const std::lock_guard lock(peer_->mutex_);
        ec = {};
        if (peer_->client_closed_) {
            ec = asio::error::bad_descriptor;
        } else if (peer_->server_closed_) {
            ec = asio::error::broken_pipe;
        } else if (!peer_->stalled_) {
            const std::size_t room = peer_->room_.value_or(b.size() + peer_->to_server_.size());
            const std::size_t n = std::min({b.size(), peer_->write_limit_, room - std::min(room, peer_->to_server_.size())});
            if (n != 0) ++peer_->writes_;
            peer_->to_server_.append(static_cast<const char*>(b.data()), n);
            return n;
        }
        return 0;
    }

    void async_write(asio::const_buffer b, runtime::size_handler h) override {
        auto write = make_pending<void(error_code, std::size_t)>(std::move(h), ex_);
        error_code ec;
        {
            const std::lock_guard lock(peer_->mutex_);
            if (peer_->client_closed_) {
                ec = asio::error::bad_descriptor;
            } else if (peer_->server_closed_) {
                ec = asio::error::broken_pipe;
            } else {
                ++peer_->writes_;
                peer_->to_server_.append(static_cast<const char*>(b.data()), b.size());
                if (peer_->stalled_ || peer_->room_) {
                    peer_->write_ = std::move(write);
                    peer_->write_bytes_ = b.size();
                    return;
                }
            }
        }
        write->complete(ec, ec ? std::size_t{0} : b.size());
    }

    std::size_t undelivered() noexcept override {
        const std::lock_guard lock(peer_->mutex_);
        return peer_->room_ ? peer_->to_server_.size() : 0;
    }

    void close() noexcept override {
        std::shared_ptr<sim_peer::transfer> read;
        std::shared_ptr<sim_peer::transfer> write;
        {
            const std::lock_guard lock(peer_->mutex_);
            peer_->client_closed_ = true;
            read.swap(peer_->read_);
            write.swap(peer_->write_);
        }
        for (const auto& op : {read, write}) {
            if (op) op->complete(error_code(asio::error::operation_aborted), std::size_t{0});
        }
    }

private:
    const asio::any_io_executor ex_;
    const std::shared_ptr<sim_peer> peer_;
};

std::string sim_peer::take(std::size_t most) {
    std::shared_ptr<transfer> write;
    std::string taken;
    {
        const std::lock_guard lock(mutex_);
        taken = to_server_.substr(0, most);
        to_server_.erase(0, most);
        if (room_ && !stalled_ && to_server_.size() <= *room_) write.swap(write_);
    }
    if (write) write->complete(error_code(), write_bytes_);
    return taken;
}

std::size_t sim_peer::writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
}

bool sim_peer::closed() const {
    const std::lock_guard lock(mutex_);
    return client_closed_;
}

void sim_peer::send(std::string_view bytes) {
    std::unique_lock lock(mutex_);
    to_client_.append(bytes);
    serve_read(lock);
}

void sim_peer::close() {
    std::unique_lock lock(mutex_);
    server_closed_ = true;
    serve_read(lock);
}

void sim_peer::stall(bool stalled) {
    std::shared_ptr<transfer> write;
    {
        const std::lock_guard lock(mutex_);
        stalled_ = stalled;
        if (!stalled) write.swap(write_);
    }
    if (write) write->complete(error_code(), write_bytes_);
}

void sim_peer::limit_reads(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    read_limit_ = bytes;
}

void sim_peer::limit_writes(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    write_limit_ = bytes;
}

void sim_peer::slow(std::size_t room) {
    const std::lock_guard lock(mutex_);
    room_ = room;
}

void sim_peer::serve_read(std::unique_lock<std::mutex>& lock) {
    if (!read_ || (to_client_.empty() && !server_closed_)) return;
    const auto read = std::exchange(read_, nullptr);
    const std::size_t n = std::min({to_client_.size(), read_into_.size(), read_limit_});
    if (n > 0) std::memcpy(read_into_.data(), to_client_.data(), n);
    to_client_.erase(0, n);
    lock.unlock();
    read->complete(n > 0 ? error_code() : error_code(asio::error::eof), n);
}

// Timers -------------------------------------------------------------------------------------------------------------------

class sim_timer final : public runtime::timer {
public:
    sim_timer(sim_world& world, asio::any_io_executor ex) : world_(world), ex_(std::move(ex)) {}
    ~sim_timer() override { sim_timer::cancel(); }

    void expires_at(runtime::time_point t) override {
        cancel();
        at_ = t;
    }
    void async_wait(runtime::void_handler h) override {
        key_ = world_.add_timer(at_, make_pending<void(error_code)>(std::move(h), ex_));
    }
    void cancel() noexcept override {
        if (const auto w = world_.remove_timer(key_)) w->complete(error_code(asio::error::operation_aborted));
    }

private:
    sim_world& world_;
    const asio::any_io_executor ex_;
    runtime::time_point at_{};
    sim_world::timer_key key_{};
};

sim_world::timer_key sim_world::add_timer(runtime::time_point t, std::shared_ptr<wait> w) {
    const timer_key key(t, 0);
    std::unique_lock lock(mutex_);
    if (t > now_) {
        const timer_key unique(t, ++next_timer_);
        timers_.emplace(unique, std::move(w));
        return unique;
    }
    lock.unlock();
    w->complete(error_code());
    return key;
}

std::shared_ptr<sim_world::wait> sim_world::remove_timer(const timer_key& key) {
    const std::lock_guard lock(mutex_);
    auto node = timers_.extract(key);
    return node ? std::move(node.mapped()) : nullptr;
}

std::unique_ptr<runtime::timer> sim_world::make_timer(const asio::any_io_executor& ex) {
    return std::make_unique<sim_timer>(*this, ex);
}

std::optional<runtime::time_point> sim_world::next_timer() const {
    const std::lock_guard lock(mutex_);
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first.first;
}

void sim_world::advance_to(runtime::time_point t) {
    std::vector<std::shared_ptr<wait>> due;
    {
        const std::lock_guard lock(mutex_);
        now_ = std::max(now_, t);
        while (!timers_.empty() && timers_.begin()->first.first <= now_) {
            due.push_back(std::move(timers_.begin()->second));
            timers_.erase(timers_.begin());
        }
    }
    for (const auto& w : due) w->complete(error_code());
}

sim_world::sim_world(std::uint64_t seed) : engine_(seed) {}
sim_world::~sim_world() = default;

runtime::time_point sim_world::now() noexcept {
    const std::lock_guard lock(mutex_);
    return now_;
}

runtime::wall_time_point sim_world::wall_now() noexcept {
    return runtime::wall_time_point(std::chrono::duration_cast<runtime::wall_time_point::duration>(now().time_since_epoch()));
}

std::uint64_t sim_world::random() noexcept {
    const std::lock_guard lock(mutex_);
    return engine_();
}

// Names and servers --------------------------------------------------------------------------------------------------------

void sim_world::async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port, runtime::resolve_handler h) {
    auto look_up = make_pending<void(error_code, std::vector<runtime::endpoint>)>(std::move(h), ex);
    std::vector<std::string> addresses{host};
    error_code ec;
    {
        const std::lock_guard lock(mutex_);
        if (names_stalled_) {
            look_ups_.push_back(std::move(look_up));
            return;
        }
        if (const auto it = names_.find(host); it != names_.end()) addresses = it->second;
    }
    std::vector<runtime::endpoint> found;
    for (const auto& text : addresses) {
        error_code not_an_address;
        const auto address = asio::ip::make_address(text, not_an_address);
        if (!not_an_address) found.emplace_back(address, port);
    }
    if (found.empty()) ec = asio::error::host_not_found;
    look_up->complete(ec, std::move(found));
}

void sim_world::async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) {
    auto attempt = make_pending<void(error_code, std::shared_ptr<runtime::byte_stream>)>(std::move(h), ex);
    std::shared_ptr<sim_peer> peer;
    {
        const std::lock_guard lock(mutex_);
        attempts_.push_back(to);
        const auto it = servers_.find(to);
        const auto how = it == servers_.end() ? answer::refuse : it->second;
        if (how == answer::silence) {
            if (auto slot = attempt->slot(); slot.is_connected()) {
                slot.assign([weak = std::weak_ptr(attempt)](asio::cancellation_type) {
                    if (const auto self = weak.lock()) self->complete(error_code(asio::error::operation_aborted), nullptr);
                });
            }
            silent_.push_back(std::move(attempt));
            return;
        }
        if (how == answer::accept) {
            peer = std::make_shared<sim_peer>(to);
            accepted_.push_back(peer);
            peers_.push_back(peer);
        }
    }
    if (peer) {
        attempt->complete(error_code(), std::make_shared<sim_stream>(ex, std::move(peer)));
    } else {
        attempt->complete(error_code(asio::error::connection_refused), nullptr);
    }
}

void sim_world::set_name(const std::string& host, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    names_[host] = std::move(addresses);
}

void sim_world::stall_names(bool stalled) {
    const std::lock_guard lock(mutex_);
    names_stalled_ = stalled;
}

void sim_world::set_server(const runtime::endpoint& to, answer a) {
    const std::lock_guard lock(mutex_);
    servers_[to] = a;
}

std::shared_ptr<sim_peer> sim_world::accept() {
    const std::lock_guard lock(mutex_);
    if (accepted_.empty()) return nullptr;
    auto peer = std::move(accepted_.front());
    accepted_.pop_front();
    return peer;
}

std::vector<runtime::endpoint> sim_world::attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
}

std::size_t sim_world::open_connections() const {
    const std::lock_guard lock(mutex_);
    std::size_t open = 0;
    for (const auto& weak : peers_) {
        if (const auto peer = weak.lock(); peer && !peer->closed()) ++open;
    }
    return open;
}

// Running ------------------------------------------------------------------------------------------------------------------

simulation::simulation(std::uint64_t seed) : world(std::make_shared<sim_world>(seed)) {}
simulation::~simulation() = default;

void simulation::run_ready() {
    io.restart();
    io.poll();
}

void simulation::run_for(runtime::duration d) {
    const auto end = world->now() + d;
    for (;;) {
        run_ready();
        const auto next = world->next_timer();
        if (!next || *next > end) break;
        world->advance_to(*next);
    }
    world->advance_to(end);
    run_ready();
}

bool simulation::run_until(const std::function<bool()>& done, runtime::duration limit) {
    const auto end = world->now() + limit;
    for (;;) {
        run_ready();
        if (done()) return true;
        const auto next = world->next_timer();
        if (!next || *next > end) return false;
        world->advance_to(*next);
    }
}

}    // namespace muster::test
