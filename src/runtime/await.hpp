// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Lets coroutines await what a world offers.
#pragma once

#include "runtime/world.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace muster::runtime {

/// Token inside the library: `auto [ec, value] = co_await f(..., token)`.
inline constexpr auto token = asio::as_tuple(asio::deferred);

inline auto async_wait(timer& t) {
    return asio::async_initiate<decltype(token), void(error_code)>([&t](void_handler h) { t.async_wait(std::move(h)); }, token);
}

inline auto async_read_some(byte_stream& s, asio::mutable_buffer b) {
    return asio::async_initiate<decltype(token), void(error_code, std::size_t)>(
        [&s, b](size_handler h) { s.async_read_some(b, std::move(h)); }, token);
}

inline auto async_resolve(world& w, const asio::any_io_executor& ex, std::string host, std::uint16_t port) {
    return asio::async_initiate<decltype(token), void(error_code, std::vector<endpoint>)>(
        [&w, ex](resolve_handler h, std::string name, std::uint16_t p) { w.async_resolve(ex, std::move(name), p, std::move(h)); },
        token, std::move(host), port);
}

inline auto async_connect(world& w, const asio::any_io_executor& ex, const endpoint& to) {
    return asio::async_initiate<decltype(token), void(error_code, std::shared_ptr<byte_stream>)>(
        [&w, ex, to](connect_handler h) { w.async_connect(ex, to, std::move(h)); }, token);
}

}    // namespace muster::runtime
