// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/client.hpp>

#include "zk/client_impl.hpp"

#include <utility>

namespace muster::zk {
namespace {

using detail::client_impl;

/// What the copies of a handle share: the client ends with it, while its own operations may keep the client itself.
struct ownership {
    std::shared_ptr<client_impl> impl;
    explicit ownership(std::shared_ptr<client_impl> i) noexcept : impl(std::move(i)) {}
    ownership(const ownership&) = delete;
    ownership& operator=(const ownership&) = delete;
    ~ownership() { impl->abandon(); }
};

std::shared_ptr<client_impl> own(std::shared_ptr<client_impl> impl) {
    // Not only once it is started: it has a timer from the beginning.
    runtime::notify_shutdown(impl->get_executor(), std::weak_ptr<client_impl>(impl));
    auto owner = std::make_shared<ownership>(std::move(impl));
    auto* raw = owner->impl.get();
    return {std::move(owner), raw};
}

}    // namespace

client::client(asio::any_io_executor ex, config cfg)
    : client(std::make_shared<client_impl>(std::move(ex), std::move(cfg), runtime::make_asio_world())) {}

client::client(std::shared_ptr<client_impl> impl) : impl_(own(std::move(impl))) {
    if (const auto timeout = configuration().operation_timeout; timeout != timeout.zero()) impl_.timeout = timeout;
}
client::client(const client&) noexcept = default;
client::client(client&&) noexcept = default;
client& client::operator=(const client&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

client::executor_type client::get_executor() const noexcept { return impl_->get_executor(); }
const config& client::configuration() const noexcept { return impl_->configuration(); }

client client::with_timeout(std::chrono::milliseconds timeout) const {
    client same(*this);
    same.impl_.timeout = timeout;
    return same;
}

void client::start() { impl_->start(); }
session_info client::session() const { return impl_->session(); }
client_metrics client::metrics() const { return impl_->metrics(); }
void client::set_servers(const connect_string& servers) { impl_->set_servers(servers); }
connect_string client::servers() const { return impl_->servers(); }
latency_histogram client::latency() const { return impl_->latency(); }

void client::start_session_change(asio::any_completion_handler<void(error_code, session_info)> h, impl_ptr impl,
                                  std::uint64_t seen) {
    impl->session_change(seen, std::move(h));
}

void client::start_capacity(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->capacity(std::move(h)); }

void client::start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->close(std::move(h)); }

namespace detail {

std::shared_ptr<runtime::world> world_of(const client& c) { return c.impl_->world(); }

client make_client(asio::any_io_executor ex, config cfg, std::shared_ptr<runtime::world> world) {
    return client(std::make_shared<client_impl>(std::move(ex), std::move(cfg), std::move(world)));
}

}    // namespace detail
}    // namespace muster::zk
