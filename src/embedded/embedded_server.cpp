// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/embedded_server.hpp>

#include "embedded/embedded_server_impl.hpp"

#include <boost/system/system_error.hpp>

#include <utility>

namespace muster {

using detail::embedded_server_impl;

embedded_server::embedded_server(asio::any_io_executor ex, embedded_server_params p)
    : impl_(std::make_shared<embedded_server_impl>(std::move(ex), std::move(p), runtime::make_asio_world())) {
    runtime::notify_shutdown(impl_->get_executor(), std::weak_ptr<embedded_server_impl>(impl_));
}

embedded_server::embedded_server(embedded_server&&) noexcept = default;

embedded_server& embedded_server::operator=(embedded_server&& o) noexcept {
    const embedded_server old(std::move(*this));
    impl_ = std::move(o.impl_);
    return *this;
}

embedded_server::~embedded_server() {
    if (impl_) impl_->stop();
}

embedded_server::executor_type embedded_server::get_executor() const noexcept { return impl_->get_executor(); }

void embedded_server::start() {
    error_code ec;
    impl_->start(ec);
    if (!ec) return;
    const error_code plain(ec.value(), ec.category());    // without the line of Asio's that it came from
    throw boost::system::system_error(plain, "cannot listen on " + detail::to_text(impl_->endpoint()));
}

void embedded_server::start(error_code& ec) { impl_->start(ec); }
void embedded_server::stop() noexcept { impl_->stop(); }
bool embedded_server::running() const { return impl_->running(); }
std::uint16_t embedded_server::port() const { return impl_->endpoint().port(); }

std::string embedded_server::connect_string() const {
    auto to = impl_->endpoint();
    if (to.address().is_unspecified()) {
        if (to.address().is_v4())
            to.address(asio::ip::address_v4::loopback());
        else
            to.address(asio::ip::address_v6::loopback());
    }
    return detail::to_text(to);
}

bool embedded_server::expire_session(std::int64_t id) { return impl_->expire_session(id); }
void embedded_server::drop_connections() { impl_->drop_connections(); }
void embedded_server::lose_next_write(write_loss when) { impl_->lose_next_write(when); }
void embedded_server::send_single_bytes(bool on) { impl_->send_single_bytes(on); }
void embedded_server::delay(std::chrono::milliseconds d) { impl_->delay(d); }
void embedded_server::refuse(bool on) { impl_->refuse(on); }
void embedded_server::read_only(bool on) { impl_->read_only(on); }
std::vector<std::int64_t> embedded_server::sessions() const { return impl_->sessions(); }
embedded_server_counters embedded_server::counters() const { return impl_->counters(); }

}    // namespace muster
