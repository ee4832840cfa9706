// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/environment.hpp"

#include <muster/zk/client.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::sim {

/// What those who take part have in common: one life after the other, each in a process of its own with a client in it.
class actor {
public:
    actor(const actor&) = delete;
    actor& operator=(const actor&) = delete;

    bool running() const noexcept { return phase_ == phase::running; }
    /// Not running and not about to end.
    bool absent() const noexcept { return phase_ == phase::absent; }
    const std::shared_ptr<process>& home() const noexcept { return home_; }
    const std::string& name() const noexcept { return name_; }
    const zk::client* client() const noexcept { return client_ ? &*client_ : nullptr; }
    /// How many paths it has a reason to watch, once all is calm.
    virtual std::size_t watched_paths() const { return 0; }

    /// Its process ends without a word.
    void crash();

protected:
    actor(environment& env, std::string name);
    ~actor() = default;

    /// A life begins. Its number is in `life_`: handlers of another one do nothing.
    void appear();
    /// True if it can do something now.
    bool awake() const noexcept { return running() && !home_->frozen(); }
    /// It is about to end.
    void stopping();
    /// Ends in order: closes the client, tells how that went, and forgets.
    void close(std::function<void(const error_code&)> closed = nullptr);
    /// Destroys what belongs to this life, and ends with `vanish()`.
    virtual void forget() = 0;
    /// The life has ended, and nothing of its process may be left.
    void vanish();

    environment& env_;
    random chance_;
    const std::string name_;
    std::uint64_t life_ = 0;
    std::shared_ptr<process> home_;
    std::optional<zk::client> client_;

private:
    enum class phase { absent, running, stopping };
    phase phase_ = phase::absent;
};

}    // namespace muster::sim
