// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/registrar.hpp>

#include "registry/alarm.hpp"
#include "registry/layout.hpp"
#include "registry/perform.hpp"
#include "registry/registration.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/waiters.hpp"
#include "runtime/world.hpp"
#include "zk/weak_client.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace muster::detail {

/// Drives a registration over a client. Calls come from any thread; everything below "On the strand" runs there only.
///
/// Its handlers keep it alive: while it runs, and until a `close()` that was begun has ended. `abandon()` ends the former. What
/// goes on after the time for closing ends with the client, too, which it does not keep any more once the handle is gone.
class registrar_impl final : public runtime::shutdown_target, public std::enable_shared_from_this<registrar_impl> {
public:
    using void_handler = asio::any_completion_handler<void(error_code)>;
    using status_handler = asio::any_completion_handler<void(error_code, registration_status)>;

    /// `own_session`: the client belongs to this registrar alone, and is closed with it.
    registrar_impl(zk::client client, muster::registration r, bool own_session);

    const asio::any_io_executor& get_executor() const noexcept { return ex_; }

    // On any thread.
    void start(void_handler h);
    void update(muster::instance i, void_handler h);
    void drain(void_handler h);
    void close(void_handler h);
    void status_change(std::uint64_t seen, status_handler h);
    registration_status status() const;
    bool may_act_as_master() const;
    /// The handle is gone.
    void abandon() noexcept;

    void on_context_shutdown() noexcept override;
    void release_executors() noexcept override {
        strand_ = nullptr;
        route_.release_strand();
    }

private:
    using machine = registry::registration;
    enum class phase { idle, running, closing, closed };

    /// The watch that one of the machine's two sets; a later one replaces it.
    struct watch {
        zk::watcher watcher;
        std::uint64_t number = 0;
    };

    static error_code check(const muster::instance& i);
    template <class Function>
    void replace(Function next, void_handler h);
    registration_status up_to_date(registration_status s) const;
    std::string describe(const error_code& ec, const zk::session_info& session) const;

    // On the strand.
    void run();
    void drive();
    void ask(machine::step s);
    void listen(machine::watch which);
    void on_watch(machine::watch which, std::uint64_t number, const error_code& ec);
    void follow_session(std::uint64_t seen);
    void hear(const zk::session_info& s);
    void publish();
    std::optional<zk::client> held() const { return client_ ? client_ : weak_client_.lock(); }

    // On the strand; how it ends, in registrar_close.cpp.
    void on_client_closed(const zk::session_info& s);
    void begin_close();
    void limit_close();
    void on_deadline();
    void let_go();
    void close_client();
    void finish(const error_code& ec);
    void finish_removed();
    void resign();
    watch& slot(machine::watch which) noexcept { return which == machine::watch::own ? own_watch_ : master_watch_; }

    const bool own_session_;
    const muster::registration params_;
    const std::shared_ptr<const registry::layout> layout_;
    const asio::any_io_executor ex_;
    asio::any_io_executor strand_;
    runtime::completion_route route_;

    // On the strand, but for what is safe from any thread of the client.
    std::optional<zk::client> client_;    ///< none once the handle is gone and the time for closing is over
    const zk::detail::weak_client weak_client_;
    const std::shared_ptr<runtime::world> world_;
    std::optional<registry::alarm> timer_;
    std::optional<registry::alarm> deadline_;    ///< of those who wait for the registration to be closed
    std::optional<machine> machine_;
    bool outstanding_ = false;
    bool ending_ = false;       // the client's end is awaited, and tells how closing ends
    zk::session_info heard_;    // the session as the machine was told of it
    asio::cancellation_signal request_cancel_;
    asio::cancellation_signal session_cancel_;
    watch own_watch_;
    watch master_watch_;
    std::uint64_t watches_ = 0;
    std::uint64_t failures_ = 0;    ///< of the machine, when they were looked at last
    std::uint64_t taken_ = 0;       ///< how many of the updates the machine knows

    mutable std::mutex mutex_;
    // Under the mutex.
    phase phase_ = phase::idle;
    bool shut_down_ = false;
    bool overdue_ = false;    ///< closing goes on, and all who waited for it were told that it takes too long
    bool handle_gone_ = false;
    muster::instance instance_;
    std::uint64_t updates_ = 0;    ///< times it was replaced
    error_code close_result_;
    registration_status status_;
    zk::session_id owner_ = 0;    ///< of the znode that the status tells of
    // Added to under the mutex, by who has found there that it has to wait.
    runtime::waiters<void(error_code)> start_waiters_;
    runtime::waiters<void(error_code)> update_waiters_;
    runtime::waiters<void(error_code)> close_waiters_;
    runtime::waiters<void(error_code, registration_status)> status_waiters_;
};

/// A registrar on a client in whatever world. `own_session`: `close()` closes the client.
registrar make_registrar(zk::client client, registration r, bool own_session);

}    // namespace muster::detail
