// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/connection.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

/// A ping has 12 bytes with its length; every request has more.
constexpr std::size_t longest_ping = 12;
constexpr std::size_t single_bytes = 48;    // of a segment that is split; what follows arrives in one piece

}    // namespace

connection::connection(process& client, std::size_t server, std::uint64_t number, random& chance, fault_counts& faults)
    : client_(client),
      kernel_(client.time()),
      chance_(chance),
      faults_(faults),
      server_(server),
      number_(number),
      latency_(chance.between(50us, 1500us)) {}

// The client's end ---------------------------------------------------------------------------------------------------------

void connection::read(asio::mutable_buffer into, size_completion done) {
    if (client_closed_) return done.post(error_code(asio::error::bad_descriptor), std::size_t{0});
    read_.emplace(std::move(done));
    into_ = into;
    serve_read();
}

error_code connection::broken_for_writes() const noexcept {
    if (client_closed_) return asio::error::bad_descriptor;
    if (reset_seen_) return asio::error::broken_pipe;
    return {};
}

std::size_t connection::try_write(asio::const_buffer from, error_code& ec) {
    ec = broken_for_writes();
    if (ec || kernel_.now() < stalled_until_) return 0;
    std::string_view bytes(static_cast<const char*>(from.data()), from.size());
    // Not where the connection is about to be cut: what is cut is a request, not a part of one.
    if (cut_ == cut::none && !bytes.empty() && chance_.percent(3)) {
        faults_.count(fault::short_write);
        bytes = bytes.substr(0, chance_.below(bytes.size()));
    }
    if (!bytes.empty()) sent(bytes);
    return bytes.size();
}

void connection::write(asio::const_buffer from, size_completion done) {
    if (const error_code ec = broken_for_writes()) return done.post(ec, std::size_t{0});
    const std::string_view bytes(static_cast<const char*>(from.data()), from.size());
    if (kernel_.now() < stalled_until_) {
        faults_.count(fault::write_stalls);
        outbox_ = bytes;
        write_.emplace(std::move(done));
        return;
    }
    done.post(error_code{}, bytes.size());
    sent(bytes);
}

std::size_t connection::undelivered() const noexcept {
    std::size_t bytes = outbox_.size();
    for (const segment& s : up_.on_the_way) bytes += s.bytes.size();
    return bytes;
}

/// They are on their way, unless a fault was waiting for them.
void connection::sent(std::string_view bytes) {
    if (broken_ || end_of_stream_) return;
    const cut c = bytes.size() > longest_ping ? std::exchange(cut_, cut::none) : cut::none;
    switch (c) {
        case cut::none:
            return push(up_, bytes, false);
        case cut::before:
            faults_.count(fault::cut_request);
            return reset();
        case cut::inside:
            faults_.count(fault::cut_inside_request);
            return push(up_, bytes.substr(0, 1 + chance_.below(bytes.size() - 1)), false, true);
        case cut::after:
            faults_.count(fault::cut_reply);
            return push(up_, bytes, false, true);
    }
}

void connection::close() noexcept {
    if (std::exchange(client_closed_, true)) return;
    end_client(asio::error::operation_aborted);
    inbox_.clear();
    if (client_.dead() || broken_) return;
    if (!remote_) return;
    push(up_, {}, true);
}

void connection::end_client(const error_code& ec) {
    for (auto* op : {&read_, &write_}) {
        if (!*op) continue;
        size_completion done(std::move(**op));
        op->reset();
        done.post(ec, std::size_t{0});
    }
}

void connection::serve_read() {
    if (!read_ || (inbox_.empty() && !end_of_stream_ && !reset_seen_)) return;
    if (client_.frozen()) {
        client_.when_awake([self = shared_from_this()] { self->serve_read(); });
        return;
    }
    size_completion done(std::move(*read_));
    read_.reset();
    if (reset_seen_) return done.post(error_code(asio::error::connection_reset), std::size_t{0});
    const std::size_t n = std::min(inbox_.size(), into_.size());
    if (n > 0) std::memcpy(into_.data(), inbox_.data(), n);
    inbox_.erase(0, n);
    done.post(n > 0 ? error_code() : error_code(asio::error::eof), std::size_t{n});
}

// The server's end ---------------------------------------------------------------------------------------------------------

void connection::send(std::string_view bytes) {
    if (broken_ || client_closed_) return;
    push(down_, bytes, false);
}

void connection::finish() {
    remote_.reset();
    if (broken_ || client_closed_) return;
    push(down_, {}, true);
}

// On the way ---------------------------------------------------------------------------------------------------------------

void connection::push(flow& f, std::string_view bytes, bool end, bool reset) {
    const instant now = kernel_.now();
    instant at = now + latency_ + chance_.between(0us, 300us);
    if (now < f.slow_until) at += f.extra;
    if (now < f.gather_until) {
        if (std::exchange(f.gathered, true)) faults_.count(fault::coalesce);
        at = std::max(at, f.gather_until);
    }
    if (!f.on_the_way.empty()) at = std::max(at, f.on_the_way.back().at);
    const auto add = [&](std::string_view part, bool e, bool r) { f.on_the_way.push_back(segment{at, std::string(part), e, r}); };
    if (now < f.split_until && bytes.size() > 1) {
        faults_.count(fault::split);
        for (std::size_t i = 0; bytes.size() > 1 && i != single_bytes; ++i, bytes.remove_prefix(1)) {
            add(bytes.substr(0, 1), false, false);
            at += chance_.between(1us, 200us);
        }
    }
    add(bytes, end, reset);
    schedule(f);
}

void connection::schedule(flow& f) {
    if (f.scheduled || f.holds > 0 || f.on_the_way.empty()) return;
    f.scheduled = true;
    const bool up = &f == &up_;
    kernel_.at(f.on_the_way.front().at, [self = shared_from_this(), up] { self->deliver(up ? self->up_ : self->down_); });
}

void connection::deliver(flow& f) {
    f.scheduled = false;
    if (f.holds > 0) return;
    segment s;
    while (!f.on_the_way.empty() && f.on_the_way.front().at <= kernel_.now() && !s.end && !s.reset) {
        s.bytes += f.on_the_way.front().bytes;
        s.end = f.on_the_way.front().end;
        s.reset = f.on_the_way.front().reset;
        f.on_the_way.pop_front();
    }
    schedule(f);
    if (&f == &up_) {
        to_server(std::move(s));
    } else {
        to_client(std::move(s));
    }
}

void connection::to_server(segment s) {
    if (!remote_) return;
    if (s.reset) {
        // What the server answers is lost; so is what was on its way.
        broken_ = true;
        down_.on_the_way.clear();
    }
    const auto held = remote_;
    if (!s.bytes.empty()) held->received(s.bytes);
    if (s.reset) {
        broken_ = false;
        return reset();
    }
    if (!s.end || !remote_) return;
    remote_.reset();
    held->gone();
}

void connection::to_client(segment s) {
    if (client_closed_) return;
    inbox_ += s.bytes;
    if (s.end) end_of_stream_ = true;
    serve_read();
}

// Faults -------------------------------------------------------------------------------------------------------------------

void connection::reset() {
    if (std::exchange(broken_, true)) return;
    kernel_.note("conn{} of {} to s{} breaks", number_, client_.name(), server_);
    up_.on_the_way.clear();
    down_.on_the_way.clear();
    // The ends learn of it one after the other: a client can be back before its server knows that it was away.
    const instant longest = chance_.percent(20) ? 500ms : 2ms;
    kernel_.after(chance_.between(0us, longest), [self = shared_from_this()] { self->break_client(); });
    kernel_.after(chance_.between(0us, longest), [self = shared_from_this()] {
        if (const auto r = std::exchange(self->remote_, nullptr)) r->gone();
    });
}

void connection::break_client() {
    if (client_closed_) return;
    client_.when_awake([self = shared_from_this()] {
        if (self->client_closed_) return;
        self->reset_seen_ = true;
        self->end_client(asio::error::connection_reset);
    });
}

void connection::hold(bool up, bool down, bool on) {
    for (auto [f, meant] : {std::pair(&up_, up), std::pair(&down_, down)}) {
        if (!meant) continue;
        f->holds += on ? 1 : -1;
        if (f->holds > 0) continue;
        instant at = kernel_.now() + latency_;
        for (segment& s : f->on_the_way) s.at = at = std::max(at, s.at);
        schedule(*f);
    }
}

void connection::slow(instant extra, instant until) noexcept {
    for (flow* f : {&up_, &down_}) {
        f->extra = extra;
        f->slow_until = until;
    }
}

void connection::split(instant until) noexcept { up_.split_until = down_.split_until = until; }

void connection::gather(instant until) noexcept {
    for (flow* f : {&up_, &down_}) {
        f->gather_until = until;
        f->gathered = false;
    }
}

void connection::stall(instant until) {
    stalled_until_ = until;
    if (until != instant::max()) kernel_.at(until, [self = shared_from_this()] { self->unstall(); });
}

void connection::unstall() {
    if (!write_ || kernel_.now() < stalled_until_) return;
    client_.when_awake([self = shared_from_this()] {
        if (!self->write_) return;
        size_completion done(std::move(*self->write_));
        self->write_.reset();
        const std::string bytes = std::exchange(self->outbox_, {});
        done.post(error_code{}, bytes.size());
        if (!self->broken_ && !self->end_of_stream_) self->push(self->up_, bytes, false);
    });
}

void connection::abandon() {
    client_closed_ = true;
    end_client(asio::error::operation_aborted);
    if (broken_ || !remote_) return;
    if (up_.holds > 0) return push(up_, {}, true);    // the server hears of it when it can
    reset();
}

}    // namespace muster::sim
