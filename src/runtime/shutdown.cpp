// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/shutdown.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace muster::runtime {
namespace {

namespace asio = boost::asio;

class shutdown_service final : public asio::execution_context::service {
public:
    using key_type = shutdown_service;
    static inline asio::execution_context::id id;

    explicit shutdown_service(asio::execution_context& context) : service(context) {}

    void add(std::weak_ptr<shutdown_target> target) {
        const std::lock_guard lock(mutex_);
        if (targets_.size() >= sweep_at_) {
            std::erase_if(targets_, [](const auto& t) { return t.expired(); });
            sweep_at_ = std::max<std::size_t>(64, 2 * targets_.size());
        }
        targets_.push_back(std::move(target));
    }

private:
    void shutdown() noexcept override {
        std::vector<std::weak_ptr<shutdown_target>> targets;
        {
            const std::lock_guard lock(mutex_);
            targets.swap(targets_);
        }
        for (const auto& weak : targets) {
            if (const auto target = weak.lock()) target->on_context_shutdown();
        }
        for (const auto& weak : targets) {
            if (const auto target = weak.lock()) target->release_executors();
        }
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<shutdown_target>> targets_;
    std::size_t sweep_at_ = 64;
};

}    // namespace

void notify_shutdown(const asio::any_io_executor& ex, std::weak_ptr<shutdown_target> target) {
    auto& context = asio::query(ex, asio::execution::context);
    asio::use_service<shutdown_service>(context).add(std::move(target));
}

}    // namespace muster::runtime
