// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/worker.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/thread_pool.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace muster::runtime {
namespace {

namespace asio = boost::asio;

class worker_service final : public asio::execution_context::service {
public:
    using key_type = worker_service;
    static inline asio::execution_context::id id;

    explicit worker_service(asio::execution_context& context) : service(context) {}

    void run(asio::any_completion_handler<void()> job) {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
        if (!thread_) thread_.emplace(1);
        asio::post(*thread_, std::move(job));
    }

private:
    // Jobs own what belongs to the context: they must be gone before it is.
    void shutdown() noexcept override {
        {
            const std::lock_guard lock(mutex_);
            shut_down_ = true;
        }
        if (!thread_) return;
        thread_->stop();
        thread_->join();
        thread_.reset();
    }

    std::mutex mutex_;
    bool shut_down_ = false;
    std::optional<asio::thread_pool> thread_;
};

}    // namespace

void run_on_worker(const asio::any_io_executor& ex, asio::any_completion_handler<void()> job) {
    asio::use_service<worker_service>(asio::query(ex, asio::execution::context))
        .run([job = std::move(job), work = asio::prefer(ex, asio::execution::outstanding_work.tracked)]() mutable {
            std::move(job)();
        });
}

}    // namespace muster::runtime
