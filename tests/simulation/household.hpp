// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/member.hpp"

#include <memory>
#include <string>
#include <vector>

namespace muster::sim {

/// A process with one session that several members share.
class household {
public:
    household(environment& env, std::string name, std::vector<member*> members);

    /// Begins, or brings back the members that have deregistered.
    void start();
    /// The members deregister, then the session is closed, or that at once. On what follows, `tend` goes on.
    void stop();
    void crash();
    /// Does what has become due: closes the session behind the members, or ends it where a member could not deregister.
    void tend();

    bool absent() const noexcept { return session_ == nullptr; }
    bool running() const noexcept { return !absent() && !stopping_; }
    const std::shared_ptr<process>& home() const noexcept { return session_->home; }
    const std::shared_ptr<shared_session>& session() const noexcept { return session_; }
    const std::string& name() const noexcept { return name_; }
    /// As many as its members.
    std::size_t watched_paths() const;

private:
    void close();
    void forget();

    environment& env_;
    random chance_;
    const std::string name_;
    const std::vector<member*> members_;
    std::shared_ptr<shared_session> session_;
    bool stopping_ = false;
    bool closing_ = false;
    std::uint64_t life_ = 0;
};

}    // namespace muster::sim
