// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/resolve.hpp"

#include "runtime/completion.hpp"
#include "runtime/waiters.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <signal.h>

#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace muster::runtime {
namespace {

using name = std::pair<std::string, std::uint16_t>;

/// Who waits for which name. The threads own it together with the context's service, and may be the last.
class pending_names {
public:
    /// False if the name is being resolved already, or nothing is any more.
    bool add(const name& n, completion<void(error_code, std::vector<endpoint>)>&& done) {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        const auto [place, is_new] = waiters_.try_emplace(n);
        place->second.add(std::move(done));
        return is_new;
    }

    void complete(const name& n, const error_code& ec, const std::vector<endpoint>& found) {
        // Under the lock: once `close` returns nobody reaches for the context.
        const std::lock_guard lock(mutex_);
        if (const auto w = waiters_.extract(n)) w.mapped().complete(ec, found);
    }

    /// Destroys the handlers; nobody is let in from now on.
    void close() {
        std::unique_lock lock(mutex_);
        closed_ = true;
        const auto given_up = std::exchange(waiters_, {});
        lock.unlock();
    }

private:
    std::mutex mutex_;
    bool closed_ = false;
    std::map<name, waiters<void(error_code, std::vector<endpoint>)>> waiters_;    // by the names that are being resolved
};

class resolve_service final : public asio::execution_context::service {
public:
    using key_type = resolve_service;
    static inline asio::execution_context::id id;

    explicit resolve_service(asio::execution_context& context) : service(context) {}

    const std::shared_ptr<pending_names>& names() const noexcept { return names_; }

private:
    void shutdown() noexcept override { names_->close(); }

    const std::shared_ptr<pending_names> names_ = std::make_shared<pending_names>();
};

/// As long as it lives, threads that are begun take no signals: those are for the threads of the program.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

private:
    sigset_t before_;
};

}    // namespace

std::vector<endpoint> system_resolver(const std::string& host, std::uint16_t port, error_code& ec) {
    using tcp = asio::ip::tcp;
    asio::io_context own;    // nothing runs there
    std::vector<endpoint> endpoints;
    for (const auto& entry : tcp::resolver(own).resolve(host, std::to_string(port), tcp::resolver::numeric_service, ec)) {
        endpoints.push_back(entry.endpoint());
    }
    return endpoints;
}

void async_resolve(const asio::any_io_executor& ex, const std::string& host, std::uint16_t port, resolve_handler h,
                   const blocking_resolver& resolver) {
    const auto& names = asio::use_service<resolve_service>(asio::query(ex, asio::execution::context)).names();
    const name n{host, port};
    if (!names->add(n, {std::move(h), asio::prefer(ex, asio::execution::outstanding_work.tracked)})) return;
    try {
        const signals_blocked none;
        std::thread([names, n, resolver] {
            error_code ec;
            const auto found = resolver(n.first, n.second, ec);
            names->complete(n, ec, found);
        }).detach();
    } catch (const std::system_error& e) {
        names->complete(n, e.code(), {});
    }
}

}    // namespace muster::runtime
