// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/balancer.hpp>

#include "balance/service.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/waiters.hpp"

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster::detail {

/// What is kept of a lease while its instance is waited for; empty for an empty lease.
struct lent_instance {
    boost::intrusive_ptr<balance::node_state> state;
};

/// The services in use, by name, and the pickers of picks by name.
class balancer_impl final : public runtime::shutdown_target, public std::enable_shared_from_this<balancer_impl> {
public:
    /// `owns`: the session is this balancer's own, and ends with it. Throws as the constructors of `balancer` do.
    balancer_impl(zk::client client, balancer_params p, bool owns);

    const asio::any_io_executor& get_executor() const noexcept { return env_->ex; }
    const balance::environment& env() const noexcept { return *env_; }

    // On any thread.
    /// `message`: where a sentence is put if the name is refused.
    lease try_pick(std::string_view service, const pick_options& o, error_code& ec, std::string* message = nullptr);
    void pick(std::string service, pick_options o, asio::any_completion_handler<void(error_code, lease)> h);
    result<std::shared_ptr<balance::service>> find(std::string_view service);
    void until_draining(lent_instance of, asio::any_completion_handler<void(error_code)> h);
    void set_subset_client(std::uint64_t number);
    void close(asio::any_completion_handler<void(error_code)> h);
    void abandon() noexcept;

    balance::selection selection_of(const pick_options& o) const;
    std::chrono::milliseconds wait_of(const pick_options& o) const noexcept { return o.wait.value_or(env_->params.wait); }

    void on_context_shutdown() noexcept override;

private:
    static constexpr std::size_t pools = 4;

    static constexpr std::size_t max_specials = 32;    // per service, so that options made anew for each pick cost bounded memory

    struct special_picker {
        balance::selection what;
        balance::hot_picker hot;
    };
    struct entry {
        std::shared_ptr<balance::service> service;
        std::array<std::optional<balance::hot_picker>, policy_count * pools> pickers;    // of plain selections
        std::vector<special_picker> specials;                                            // the oldest first
    };
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
    };

    static std::optional<balance::hot_picker>& plain_picker(entry& e, policy how, pool where);
    // The picker that picks by name use, of which there is one for each selection; null: not made yet.
    balance::hot_picker* known_plain(entry& e, const pick_options& o) const;
    static balance::hot_picker* known_special(entry& e, const balance::selection& what);
    static balance::hot_picker& keep(entry& e, const balance::selection& what, const balance::channel_ptr& c);
    entry* find_locked(std::string_view service, diagnostic& why);
    void stop_services();

    const std::shared_ptr<balance::environment> env_;
    const bool owns_;

    std::mutex subset_mutex_;    // before mutex_
    std::mutex mutex_;
    std::unordered_map<std::string, entry, hash, std::equal_to<>> services_;
    bool closed_ = false;
    bool shut_down_ = false;    // its context is gone
    runtime::waiters<void(error_code)> close_waiters_;
};

/// True for errors that waiting can cure.
bool worth_waiting(const error_code& ec) noexcept;

}    // namespace muster::detail
