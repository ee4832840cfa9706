// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/register_events.hpp"

namespace muster::cli {

void register_events::show(const registration_status& now) {
    if (closed_) return;
    register_event e;
    if (now.closed) {
        closed_ = true;
        if (begun_) tell_(e);
        return;
    }
    const bool another_session = now.session.generation > generation_ && generation_ != 0;
    show_session(now.session);

    e.role = now.role;
    e.path = now.path;
    if (now.role == role::none) {
        e.what = register_event::kind::role;
        if (role_ != role::none) tell_(e);
    } else if (role_ == role::none || another_session || (role_ == now.role && path_ != now.path)) {
        e.what = register_event::kind::registered;
        tell_(e);
    } else if (role_ != now.role) {
        e.what = register_event::kind::role;
        tell_(e);
    }
    role_ = now.role;
    path_ = now.path;
}

void register_events::show_session(const zk::session_info& now) {
    const auto tell = [this](zk::session_state s) {
        register_event e;
        e.what = register_event::kind::session;
        e.state = s;
        state_ = s;
        tell_(e);
    };
    if (generation_ != 0 && now.generation > generation_ && state_ != zk::session_state::expired)
        tell(zk::session_state::expired);
    generation_ = now.generation;
    if (now.generation != 0) begun_ = true;
    const bool worth_telling = now.state == zk::session_state::connected || now.state == zk::session_state::suspended ||
                               now.state == zk::session_state::expired;
    if (worth_telling && now.state != state_) tell(now.state);
}

}    // namespace muster::cli
