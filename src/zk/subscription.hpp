// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/watcher.hpp>

#include "proto_zk/watch_table.hpp"
#include "runtime/completion.hpp"
#include "runtime/shutdown.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace muster::zk::detail {

class client_impl;

/// The events of one watch on their way from the client's strand to a subscriber, who may be on any thread.
class subscription final : public proto::watch_sink,
                           public runtime::shutdown_target,
                           public std::enable_shared_from_this<subscription> {
public:
    using handler = asio::any_completion_handler<void(error_code, watch_event)>;

    subscription(std::shared_ptr<client_impl> owner, proto::watch_kind kind, std::string server_path);

    asio::any_io_executor get_executor() const noexcept { return ex_; }
    proto::watch_kind kind() const noexcept { return kind_; }
    const std::string& server_path() const noexcept { return server_path_; }

    // On the client's strand.
    void on_event(event_type type, std::string_view path, zxid at) override;
    void on_end(const error_code& ec) override;

    // On any thread.
    void next(handler h);
    /// The subscriber is gone.
    void detach();
    void on_context_shutdown() noexcept override;
    void release_executors() noexcept override { route_.release_strand(); }

private:
    using waiter = runtime::completion<void(error_code, watch_event)>;

    bool persistent() const noexcept { return proto::is_lasting(kind_); }
    void cancel(std::uint64_t turn);

    const std::weak_ptr<client_impl> owner_;
    const asio::any_io_executor ex_;
    runtime::completion_route route_;
    const std::string chroot_;
    const proto::watch_kind kind_;
    const std::string server_path_;

    std::mutex mutex_;
    std::deque<watch_event> events_;
    std::size_t unread_bytes_ = 0;    // of their paths
    std::optional<waiter> waiter_;
    std::uint64_t turn_ = 0;    // number of the current call of `next`: a late cancellation must not hit a later call
    error_code ended_;
};

}    // namespace muster::zk::detail
