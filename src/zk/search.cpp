// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of client_impl that asks other servers whether they take writes, while its own takes none.
#include "zk/client_impl.hpp"

#include "zk/dialer.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace muster::zk::detail {
namespace {

constexpr std::string_view question = "isro";
constexpr std::string_view yes = "rw";

}    // namespace

/// One server that is being asked. Handlers that find it replaced do nothing.
struct client_impl::inquiry {
    inquiry(std::size_t host_, std::shared_ptr<dialer> d) : host(host_), way(std::move(d)) {}
    ~inquiry() { way->shut(); }

    const std::size_t host;
    const std::shared_ptr<dialer> way;
    std::array<char, yes.size()> answer;
    std::size_t length = 0;
};

void client_impl::search() {
    const auto host = session_.take_question(world_->now());
    if (!host) return;
    forget_question();
    const auto q = inquiry_ = std::make_shared<inquiry>(*host, dial(*host, std::make_shared<addresses>()));
    q->way->start([self = shared_from_this(), q](const proto::failure* failed) {
        if (self->inquiry_ != q) return;
        if (failed) return self->answered(false);
        q->way->stream()->async_write(asio::buffer(question),
                                      asio::bind_executor(*self->strand_, [self, q](error_code ec, std::size_t) {
                                          if (self->inquiry_ != q) return;
                                          if (ec) return self->answered(false);
                                          self->read_answer();
                                      }));
    });
}

void client_impl::read_answer() {
    const auto q = inquiry_;
    q->way->stream()->async_read_some(asio::buffer(q->answer) + q->length,
                                      asio::bind_executor(*strand_, [self = shared_from_this(), q](error_code ec, std::size_t n) {
                                          if (self->inquiry_ != q) return;
                                          q->length += n;
                                          if (!ec && q->length != q->answer.size()) return self->read_answer();
                                          self->answered(std::string_view(q->answer.data(), q->length) == yes);
                                      }));
}

void client_impl::answered(bool writable) {
    const auto host = inquiry_->host;
    forget_question();
    proceed(session_.answered_question(host, writable, world_->now(), world_->random()));
}

void client_impl::forget_question() {
    if (const auto q = std::exchange(inquiry_, nullptr)) q->way->shut();
}

}    // namespace muster::zk::detail
