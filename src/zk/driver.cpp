// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of client_impl that does what the session machine says.
#include "zk/client_impl.hpp"

#include "proto_zk/read_size.hpp"
#include "zk/dialer.hpp"

#include <boost/asio/bind_executor.hpp>

#include <utility>

namespace muster::zk::detail {
namespace {

constexpr std::size_t write_bytes = 256 * 1024;    // a ping waits no longer than for so many bytes

}    // namespace

/// One attempt and the connection it becomes. Handlers that find it replaced do nothing.
struct client_impl::connection {
    explicit connection(std::shared_ptr<dialer> d) : way(std::move(d)) {}

    const std::shared_ptr<dialer> way;
    std::shared_ptr<runtime::byte_stream> stream;    // once it stands
    proto::read_size reads;
    std::unique_ptr<runtime::sasl_exchange> sasl;    // until the user is proven
    std::string out;                                 // being written
    bool writing = false;
    bool broken = false;    // a write failed: what the server said before is still read, up to the end of the stream

    ~connection() { shut(); }
    void shut() { way->shut(); }
};

template <class F>
auto client_impl::on_strand(F f) {
    return asio::bind_executor(*strand_, std::move(f));
}

void client_impl::drive() {
    if (connection_) return;
    const auto step = session_.next(world_->now());
    publish();
    switch (step.what) {
        case proto::session::step::kind::wait:
            arm(step.until);
            break;
        case proto::session::step::kind::connect:
            attempt(step.host);
            break;
        case proto::session::step::kind::finished:
            finish();
            break;
    }
}

std::shared_ptr<dialer> client_impl::dial(std::size_t host, std::shared_ptr<addresses> tried) {
    return std::make_shared<dialer>(*strand_, world_, tls_ ? &*tls_ : nullptr, hosts_[host], std::move(tried));
}

void client_impl::attempt(std::size_t host) {
    session_.connecting(world_->now());
    publish();    // now: it may take long before there is more to tell
    arm(session_.deadline());
    auto& tried = tried_[host];
    if (!tried || session_.blameless(host)) tried = std::make_shared<addresses>();
    const auto c = connection_ = std::make_shared<connection>(dial(host, tried));
    c->way->start([self = shared_from_this(), c](const proto::failure* failed) {
        if (self->connection_ != c) return;
        if (failed) return self->drop(*failed);
        c->stream = c->way->stream();
        self->greet(c);
    });
}

void client_impl::greet(const connection_ptr& c) {
    session_.connected(world_->now());
    write();
    read(c);
}

void client_impl::read(const connection_ptr& c) {
    const auto room = session_.read_buffer(c->reads.next());
    c->stream->async_read_some(asio::buffer(room.data(), room.size()),
                               [self = shared_from_this(), c](error_code ec, std::size_t n) {
                                   if (self->connection_ != c) return;
                                   if (ec) return self->drop({ec, c->stream->explanation(), c->way->untried()});
                                   const auto& count = self->session_.metrics();
                                   const auto replies = count.replies_received;
                                   self->proceed(self->session_.received(n, self->world_->now()));
                                   if (self->connection_ != c) return;
                                   const bool answered = count.replies_received != replies;
                                   c->reads.after_read(answered || self->session_.awaits_replies());
                                   if (answered) self->expect_requests();
                                   self->read(c);
                               });
}

/// Lets the mechanism answer what the server has said to it.
void client_impl::authenticate() {
    if (!config_.sasl || !connection_) return;
    const auto c = connection_;
    if (c->sasl && !session_.authenticating()) c->sasl.reset();
    auto challenge = session_.take_challenge();
    if (!challenge) return;
    if (!c->sasl) c->sasl = world_->make_sasl(*strand_, *config_.sasl, c->way->host().host);
    c->sasl->async_step(std::move(*challenge),
                        on_strand([self = shared_from_this(), c](error_code ec, std::optional<std::string> token, bool complete,
                                                                 const std::string& said) {
                            if (self->connection_ != c) return;
                            if (ec) {
                                const auto why = c->sasl->explanation(ec) + (said.empty() ? said : ": " + said);
                                return self->drop({ec, why, c->way->untried()});
                            }
                            self->session_.respond(std::move(token), complete, self->world_->now());
                            self->proceed({});
                        }));
}

void client_impl::write() {
    const auto& c = connection_;
    while (c && !c->writing && !c->broken && session_.wants_write()) {
        c->out.clear();
        session_.fill(c->out, write_bytes, world_->now());
        if (c->out.empty()) continue;    // what there was to be written needs not be any more
        error_code ec;
        const std::size_t written = c->stream->try_write(asio::buffer(c->out), ec);
        if (ec) {
            c->broken = true;
        } else if (written != c->out.size()) {
            c->writing = true;
            c->stream->async_write(asio::buffer(c->out) + written,
                                   on_strand([self = shared_from_this(), c = c](error_code failed, std::size_t) {
                                       c->writing = false;
                                       c->broken = failed.failed();
                                       if (self->connection_ == c) self->write();
                                   }));
        }
    }
    give_back();
}

/// Replies were handed to their handlers, which often ask for more. Takes their requests over behind the last of them: a
/// hand-over that the first one posts would come after another look at the sockets.
void client_impl::expect_requests() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(taking_, true)) return;
    }
    post_hand_over();
}

/// After something was told to the session: shows the result, and goes on or drops the connection.
void client_impl::proceed(const error_code& ec) {
    publish();
    if (session_.finished()) {
        if (const auto c = std::exchange(connection_, nullptr)) c->shut();
        forget_question();
        finish();
    } else if (ec) {
        const auto& c = connection_;
        drop({ec, c && c->sasl ? c->sasl->explanation(ec) : std::string(), c && c->way->untried()});
    } else {
        authenticate();
        search();
        write();
        if (connection_) {
            arm(session_.deadline());
        } else {
            drive();
        }
    }
}

void client_impl::drop(const proto::failure& f) {
    if (const auto c = std::exchange(connection_, nullptr)) {
        c->shut();
        forget_question();
        session_.disconnected(f, world_->now(), world_->random());
        publish();    // before time acts: who was frozen finds the session lost with the connection
    }
    drive();
}

void client_impl::arm(time_point t) {
    // Deadlines move on with every byte that arrives; the wait that is pending then ends too early and is renewed.
    if (t >= armed_) return;
    armed_ = t;
    timer_->expires_at(t);
    timer_->async_wait(on_strand([self = shared_from_this(), wait = ++wait_](error_code) {
        if (wait != self->wait_) return;
        self->armed_ = time_point::max();
        self->on_timer();
    }));
}

void client_impl::on_timer() {
    if (session_.finished()) return;
    if (!connection_) return drive();
    if (connection_->stream) session_.undelivered(connection_->stream->undelivered(), world_->now());
    proceed(session_.tick(world_->now()));
}

}    // namespace muster::zk::detail
