// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/picker.hpp>

#include "balance/balancer_impl.hpp"
#include "balance/picker_impl.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace muster {

asio::awaitable<lease> balance::picked(lease l) { co_return std::move(l); }

namespace {

// It may be awaited on another thread than the picker's, so it leaves the picker's tables alone.
asio::awaitable<lease> wait_for_lease(std::shared_ptr<detail::picker_impl> impl, std::string key, error_code ec) {
    if (!detail::worth_waiting(ec) || impl->wait.count() <= 0)
        throw boost::system::system_error(ec, balance::describe_pick(impl->service->name(), impl->what));
    auto start = [service = impl->service.get(), impl = impl.get()](asio::any_completion_handler<void(error_code, lease)> h,
                                                                    std::string k) {
        service->wait({impl->what, std::move(k), impl->wait}, {std::move(h), service->env().ex});
    };
    using token = asio::as_tuple_t<asio::use_awaitable_t<>>;
    auto [failed, found] = co_await asio::async_initiate<const token, void(error_code, lease)>(
        start, asio::as_tuple(asio::use_awaitable), std::move(key));
    if (failed) throw boost::system::system_error(failed, balance::describe_pick(impl->service->name(), impl->what));
    co_return std::move(found);
}

}    // namespace

picker::picker(std::shared_ptr<detail::picker_impl> impl) noexcept : impl_(std::move(impl)) {}
picker::picker(const picker& o) : impl_(std::make_shared<detail::picker_impl>(*o.impl_)) {}
picker::picker(picker&&) noexcept = default;
picker& picker::operator=(picker&&) noexcept = default;
picker::~picker() = default;

picker& picker::operator=(const picker& o) {
    picker copy(o);
    impl_.swap(copy.impl_);
    return *this;
}

picker::executor_type picker::get_executor() const noexcept { return impl_->service->env().ex; }

lease picker::try_pick(error_code& ec, std::string_view key) noexcept { return impl_->hot.pick(key, ec); }

lease picker::try_pick(error_code& ec, std::string_view key, const tried_set& exclude) noexcept {
    return impl_->hot.pick(key, exclude, ec);
}

lease picker::try_pick(std::string_view key) {
    error_code ec;
    lease l = try_pick(ec, key);
    if (ec) throw boost::system::system_error(ec, balance::describe_pick(impl_->service->name(), impl_->what));
    return l;
}

asio::awaitable<lease> picker::pick(std::string_view key) {
    error_code ec;
    if (lease l = impl_->hot.pick(key, ec)) return balance::picked(std::move(l));
    return wait_for_lease(impl_, std::string(key), ec);
}

void picker::start_pick(asio::any_completion_handler<void(error_code, lease)> h, std::shared_ptr<detail::picker_impl> impl,
                        std::string key) {
    balance::service::pick_done done(std::move(h), impl->service->env().ex);
    error_code ec;
    lease l = impl->hot.pick(key, ec);
    if (!l && detail::worth_waiting(ec) && impl->wait.count() > 0) {
        impl->service->wait({impl->what, std::move(key), impl->wait}, std::move(done));
        return;
    }
    done.post(ec, std::move(l));
}

}    // namespace muster
