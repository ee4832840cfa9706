// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/registrar.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace muster::cli {

/// Something that `muster register` tells.
struct register_event {
    enum class kind {
        registered,    ///< A znode stands where none stood.
        role,          ///< It is another; `none` where the instance is not registered any more.
        session,
        closed,    ///< The end. There is none where there never was a session.
    };
    kind what = kind::closed;
    muster::role role = muster::role::none;
    std::string path;
    zk::session_state state = zk::session_state::connecting;
};

/// Turns the status of a registration, as it is seen from time to time, into events: what has passed in between and what
/// stands now, each once. No I/O.
class register_events {
public:
    using sink = std::function<void(const register_event&)>;

    explicit register_events(sink tell) : tell_(std::move(tell)) {}

    void show(const registration_status& now);

private:
    void show_session(const zk::session_info& now);

    sink tell_;
    muster::role role_ = muster::role::none;
    std::string path_;
    std::uint64_t generation_ = 0;
    zk::session_state state_ = zk::session_state::connecting;
    bool begun_ = false;    // there was a session
    bool closed_ = false;
};

}    // namespace muster::cli
