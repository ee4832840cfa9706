// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/registrar.hpp>

#include "registry/registrar_impl.hpp"

#include <utility>

namespace muster {

using detail::registrar_impl;

registrar::registrar(impl_ptr impl) : impl_(std::move(impl)) {
    runtime::notify_shutdown(impl_->get_executor(), std::weak_ptr<registrar_impl>(impl_));
}

registrar::registrar(asio::any_io_executor ex, zk::config cfg, registration r)
    : registrar(std::make_shared<registrar_impl>(zk::client(std::move(ex), std::move(cfg)), std::move(r), true)) {}

registrar::registrar(zk::client client, registration r)
    : registrar(std::make_shared<registrar_impl>(std::move(client), std::move(r), false)) {}

registrar detail::make_registrar(zk::client client, registration r, bool own_session) {
    return registrar(std::make_shared<registrar_impl>(std::move(client), std::move(r), own_session));
}

registrar::registrar(registrar&&) noexcept = default;

registrar& registrar::operator=(registrar&& o) noexcept {
    const registrar old(std::move(*this));
    impl_ = std::move(o.impl_);
    return *this;
}

registrar::~registrar() {
    if (impl_) impl_->abandon();
}

registrar::executor_type registrar::get_executor() const noexcept { return impl_->get_executor(); }
bool registrar::may_act_as_master() const { return impl_->may_act_as_master(); }

registration_status registrar::status() const { return impl_->status(); }

void registrar::start_start(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->start(std::move(h)); }

void registrar::start_update(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, muster::instance i) {
    impl->update(std::move(i), std::move(h));
}

void registrar::start_drain(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->drain(std::move(h)); }

void registrar::start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->close(std::move(h)); }

void registrar::start_status_change(asio::any_completion_handler<void(error_code, registration_status)> h, impl_ptr impl,
                                    std::uint64_t seen) {
    impl->status_change(seen, std::move(h));
}

}    // namespace muster
