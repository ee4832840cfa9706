// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/dialer.hpp"

#include "runtime/tls_stream.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace muster::zk::detail {

dialer::dialer(const strand& s, std::shared_ptr<runtime::world> w, runtime::tls_credentials* tls, host_port host,
               std::shared_ptr<addresses> tried)
    : strand_(s), world_(std::move(w)), tls_(tls), host_(std::move(host)), tried_(std::move(tried)) {}

template <class F>
auto dialer::on_strand(F f) {
    return asio::bind_executor(strand_, std::move(f));
}

void dialer::start(handler done) {
    world_->async_resolve(
        strand_, host_.host, host_.port,
        asio::bind_cancellation_slot(cancel_.slot(), on_strand([self = shared_from_this(), done = std::move(done)](
                                                                   error_code ec, std::vector<runtime::endpoint> found) mutable {
                                         if (self->shut_) return;
                                         if (!ec && found.empty()) ec = asio::error::host_not_found;
                                         if (ec) return self->fail(done, ec);
                                         self->arrange(std::move(found));
                                         self->connect_next(std::move(done));
                                     })));
}

void dialer::arrange(addresses found) {
    // One name of many servers: each client begins with another of them.
    const auto shift = world_->random() % found.size();
    std::rotate(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(shift), found.end());
    std::erase_if(*tried_, [&](const auto& e) { return std::find(found.begin(), found.end(), e) == found.end(); });
    const auto tried = [this](const auto& e) { return was_tried(e); };
    // Not by std::stable_partition, whose buffer in GCC 12's library Clang 19 calls deprecated.
    endpoints_.clear();
    std::copy_if(found.begin(), found.end(), std::back_inserter(endpoints_), tried);
    std::remove_copy_if(found.begin(), found.end(), std::back_inserter(endpoints_), tried);
}

bool dialer::was_tried(const runtime::endpoint& e) const { return std::find(tried_->begin(), tried_->end(), e) != tried_->end(); }

bool dialer::untried() const {
    return !std::all_of(endpoints_.begin(), endpoints_.end(), [this](const auto& e) { return was_tried(e); });
}

void dialer::connect_next(handler done) {
    const auto to = endpoints_.back();
    endpoints_.pop_back();
    if (!was_tried(to)) tried_->push_back(to);
    world_->async_connect(strand_, to,
                          asio::bind_cancellation_slot(
                              cancel_.slot(), on_strand([self = shared_from_this(), done = std::move(done)](
                                                            error_code ec, std::shared_ptr<runtime::byte_stream> s) mutable {
                                  if (self->shut_) {
                                      if (s) s->close();
                                      return;
                                  }
                                  if (ec && !self->endpoints_.empty()) return self->connect_next(std::move(done));
                                  if (ec) return self->fail(done, self->tls_failure_ ? *self->tls_failure_ : ec);
                                  self->stream_ = std::move(s);
                                  if (self->tls_) return self->secure(std::move(done));
                                  done(nullptr);
                              })));
}

void dialer::secure(handler done) {
    const auto context = tls_->current();
    if (!context) return fail(done, {tls_errc::files_unusable, context.error().message});
    const auto stream =
        runtime::make_tls_stream(strand_, stream_, tls_->options(), *context, {host_.host, host_.port}, world_->wall_now());
    stream_ = stream;
    stream->async_handshake(on_strand([self = shared_from_this(), stream, done = std::move(done)](error_code ec) mutable {
        if (self->shut_) return;
        if (!ec) return done(nullptr);
        if (!self->tls_failure_) self->tls_failure_.emplace(ec, stream->explanation());
        if (self->endpoints_.empty()) return self->fail(done, *self->tls_failure_);
        stream->close();
        self->stream_.reset();
        self->connect_next(std::move(done));
    }));
}

void dialer::fail(const handler& done, const proto::failure& f) { done(&f); }

void dialer::shut() noexcept {
    shut_ = true;
    cancel_.emit(asio::cancellation_type::terminal);
    if (stream_) stream_->close();
}

}    // namespace muster::zk::detail
