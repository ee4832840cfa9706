// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/environment.hpp"

#include <muster/registrar.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace muster::sim {

/// A session that several members of one process share.
struct shared_session {
    std::shared_ptr<process> home;
    zk::client client;
    bool given_up = false;    ///< A member could not deregister: only the end of the session removes it.
};

/// An instance of a service: a registrar, in a process of its own or on a shared session. It comes, changes its data, goes in
/// order or crashes, and comes back.
class member {
public:
    member(environment& env, std::string service, std::size_t number);

    const std::string& service() const noexcept { return service_; }
    const std::string& name() const noexcept { return name_; }

    /// Registers. With a shared session, on that.
    void start(std::shared_ptr<shared_session> on = nullptr);
    /// Deregisters in order.
    void stop();
    /// Its process ends; on a shared session, whoever has that ends it.
    void crash();
    /// Publishes other data.
    void update();

    bool running() const noexcept { return phase_ == phase::running; }
    /// Not running and not about to end.
    bool absent() const noexcept { return phase_ == phase::absent; }
    bool on_shared_session() const noexcept { return shared_ != nullptr; }
    const shared_session* session_of() const noexcept { return shared_.get(); }
    const std::shared_ptr<process>& home() const noexcept { return home_; }

    /// What it was last told of itself.
    const registration_status& told() const noexcept { return told_; }
    /// As `registrar::status()` says now.
    registration_status status() const { return registrar_->status(); }
    /// True if it believes that it is master, and that its session lives. Who has been told to stop acts no more.
    bool believes_master() const;
    const instance& published() const noexcept { return instance_; }
    const zk::client* client() const noexcept { return client_ ? &*client_ : nullptr; }

    /// Its own znode and the master's, which are one where it is the master.
    std::size_t watched_paths() const { return !running() ? 0 : status().role == role::master ? 1 : 2; }
    /// What is wrong with its registration now; empty: nothing.
    std::string complaint() const;

private:
    enum class phase { absent, running, stopping };

    void follow(std::uint64_t life, std::uint64_t seen);
    void started(std::size_t since) const;
    void updated(std::uint64_t number, std::size_t since) const;
    void stopped(const error_code& ec, zk::session_id session);
    void forget();

    environment& env_;
    random chance_;
    const std::string service_;
    const std::string name_;
    instance instance_;
    phase phase_ = phase::absent;
    std::uint64_t life_ = 0;
    std::shared_ptr<process> home_;
    std::shared_ptr<shared_session> shared_;
    std::optional<zk::client> client_;
    std::unique_ptr<registrar> registrar_;
    registration_status told_;
    std::uint64_t updates_ = 0;
};

}    // namespace muster::sim
