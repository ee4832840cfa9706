// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/fault_proxy.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <utility>

namespace muster::test {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

}    // namespace

void fault_proxy::link::reset() {
    for (auto& socket : ends) {
        error_code ignored;
        socket.set_option(asio::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
    }
}

fault_proxy::fault_proxy(asio::io_context& io, std::uint16_t target) : state_(std::make_shared<state>(io)) {
    const auto loopback = asio::ip::address_v4::loopback();
    state_->target = tcp::endpoint(loopback, target);
    state_->acceptor.open(tcp::v4());
    state_->acceptor.bind(tcp::endpoint(loopback, 0));
    state_->acceptor.listen();
    asio::co_spawn(io, accept(state_), asio::detached);
}

fault_proxy::~fault_proxy() {
    error_code ignored;
    state_->acceptor.close(ignored);
    black_hole(false);
    reset();
}

std::string fault_proxy::connect_string() const {
    return "127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

void fault_proxy::reset() {
    for (const auto& weak : std::exchange(state_->links, {})) {
        if (const auto l = weak.lock()) l->reset();
    }
}

void fault_proxy::drop() {
    for (const auto& weak : state_->links) {
        if (const auto l = weak.lock()) l->dropped = true;
    }
}

void fault_proxy::black_hole(bool on) {
    state_->swallowing = on;
    if (on) {
        state_->healed.expires_at(asio::steady_timer::time_point::max());
    } else {
        state_->healed.cancel();
    }
}

void fault_proxy::heal() {
    refuse(false);
    black_hole(false);
    trickle(false);
    delay({});
    state_->passing = {};
}

std::size_t fault_proxy::connections() const {
    return static_cast<std::size_t>(std::count_if(state_->links.begin(), state_->links.end(), [](const auto& weak) {
        const auto l = weak.lock();
        return l && l->stands();
    }));
}

asio::awaitable<void> fault_proxy::accept(state_ptr s) {
    for (;;) {
        auto l = std::make_shared<link>(s->context);
        const auto [ec] = co_await s->acceptor.async_accept(l->ends[1], quietly);
        if (ec) co_return;
        if (s->refusing) {
            l->reset();
            continue;
        }
        std::erase_if(s->links, [](const auto& weak) { return weak.expired(); });
        s->links.push_back(l);
        asio::co_spawn(s->context, serve(s, std::move(l)), asio::detached);
    }
}

asio::awaitable<void> fault_proxy::serve(state_ptr s, link_ptr l) {
    const auto [ec] = co_await l->ends[0].async_connect(s->target, quietly);
    if (ec) {
        l->reset();
        co_return;
    }
    for (auto& socket : l->ends) {
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
    }
    asio::co_spawn(s->context, pump(s, l, to_server), asio::detached);
    asio::co_spawn(s->context, pump(s, l, to_client), asio::detached);
}

asio::awaitable<void> fault_proxy::pump(state_ptr s, link_ptr l, direction d) {
    std::array<char, 16 * 1024> buffer;
    for (;;) {
        const auto [ec, n] = co_await l->source(d).async_read_some(asio::buffer(buffer), quietly);
        while (s->swallowing) co_await s->healed.async_wait(quietly);
        if (l->dropped && !ec) continue;
        if (l->dropped) co_return;
        if (ec == asio::error::eof) {
            error_code ignored;
            l->target(d).shutdown(tcp::socket::shutdown_send, ignored);
            co_return;
        }
        if (ec) {
            l->reset();
            co_return;
        }
        const bool goes_on = co_await forward(s, l, d, std::string(buffer.data(), n));
        if (!goes_on) co_return;
    }
}

/// False if the connection has ended.
asio::awaitable<bool> fault_proxy::forward(state_ptr s, link_ptr l, direction d, std::string bytes) {
    if (s->delay.count() > 0) {
        asio::steady_timer wait(s->context, s->delay);
        co_await wait.async_wait(quietly);
    }
    for (std::size_t at = 0; at != bytes.size();) {
        if (l->dropped) co_return true;
        std::size_t n = s->trickling ? 1 : bytes.size() - at;
        auto& left = s->passing[d];
        if (left) n = std::min(n, *left);
        const auto [ec, written] =
            co_await asio::async_write(l->target(d), asio::buffer(bytes) + at, asio::transfer_exactly(n), quietly);
        s->passed[d] += written;
        at += written;
        if (left) *left -= std::min(*left, written);
        const bool cut = left && *left == 0;
        if (cut) left.reset();
        if (ec || cut) {
            l->reset();
            co_return false;
        }
    }
    co_return true;
}

}    // namespace muster::test
