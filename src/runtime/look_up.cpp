// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/look_up.hpp"

#include "runtime/completion.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <signal.h>

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace muster::runtime {
namespace {

using name = std::pair<std::string, std::uint16_t>;

struct waiter {
    std::uint64_t id;
    completion<void(error_code, std::vector<endpoint>)> done;
    asio::any_io_executor work;
};

/// Who waits for which name. The threads own it together with the context's service, and may be the last.
class waiting_room {
public:
    /// Gives the id of the waiter, and whether the name is not being looked up yet.
    std::pair<std::uint64_t, bool> enter(const name& n, completion<void(error_code, std::vector<endpoint>)>&& done,
                                         asio::any_io_executor work) {
        const std::lock_guard lock(mutex_);
        const std::uint64_t id = ++last_id_;
        if (closed_) return {id, false};
        const auto [place, is_new] = waiters_.try_emplace(n);
        place->second.push_back({id, std::move(done), std::move(work)});
        return {id, is_new};
    }

    void answer(const name& n, const error_code& ec, const std::vector<endpoint>& found) {
        // Posted under the lock: once `close` returns nobody reaches for the context.
        const std::lock_guard lock(mutex_);
        const auto place = waiters_.find(n);
        if (place == waiters_.end()) return;
        for (waiter& w : place->second) w.done.post(ec, found);
        waiters_.erase(place);
    }

    void give_up(const name& n, std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        const auto place = waiters_.find(n);
        if (place == waiters_.end()) return;
        auto& all = place->second;
        const auto w = std::find_if(all.begin(), all.end(), [id](const waiter& each) { return each.id == id; });
        if (w == all.end()) return;
        w->done.post(asio::error::operation_aborted, std::vector<endpoint>{});
        all.erase(w);    // the name stays: its thread still asks
    }

    /// Gives the handlers that nobody will call any more; nobody is let in from now on.
    std::map<name, std::list<waiter>> close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        return std::exchange(waiters_, {});
    }

private:
    std::mutex mutex_;
    std::uint64_t last_id_ = 0;
    bool closed_ = false;
    std::map<name, std::list<waiter>> waiters_;    // by the names that are being looked up
};

class look_up_service final : public asio::execution_context::service {
public:
    using key_type = look_up_service;
    static inline asio::execution_context::id id;

    explicit look_up_service(asio::execution_context& context) : service(context) {}

    const std::shared_ptr<waiting_room>& room() const noexcept { return room_; }

private:
    void shutdown() noexcept override { room_->close(); }

    const std::shared_ptr<waiting_room> room_ = std::make_shared<waiting_room>();
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

std::vector<endpoint> ask_system(const std::string& host, std::uint16_t port, error_code& ec) {
    using tcp = asio::ip::tcp;
    asio::io_context own;    // nothing runs there
    std::vector<endpoint> endpoints;
    for (const auto& entry : tcp::resolver(own).resolve(host, std::to_string(port), tcp::resolver::numeric_service, ec)) {
        endpoints.push_back(entry.endpoint());
    }
    return endpoints;
}

void look_up(const asio::any_io_executor& ex, const std::string& host, std::uint16_t port, resolve_handler h,
             const ask_for_addresses& ask) {
    const auto& room = asio::use_service<look_up_service>(asio::query(ex, asio::execution::context)).room();
    completion<void(error_code, std::vector<endpoint>)> done(std::move(h), ex);
    auto slot = done.slot();
    const name n{host, port};
    const auto [id, is_new] = room->enter(n, std::move(done), asio::prefer(ex, asio::execution::outstanding_work.tracked));
    if (slot.is_connected()) {
        slot.assign([room = std::weak_ptr<waiting_room>(room), n, id](asio::cancellation_type type) {
            const auto still =
                (type & asio::cancellation_type::terminal) != asio::cancellation_type::none ? room.lock() : nullptr;
            if (still) still->give_up(n, id);
        });
    }
    if (!is_new) return;
    try {
        const signals_blocked none;
        std::thread([room, n, ask] {
            error_code ec;
            const auto found = ask(n.first, n.second, ec);
            room->answer(n, ec, found);
        }).detach();
    } catch (const std::system_error& e) {
        room->answer(n, e.code(), {});
    }
}

}    // namespace muster::runtime
