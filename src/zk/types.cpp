// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/types.hpp>

namespace muster::zk {

const char* to_string(session_state s) noexcept {
    switch (s) {
        case session_state::connecting:
            return "connecting";
        case session_state::connected:
            return "connected";
        case session_state::suspended:
            return "suspended";
        case session_state::expired:
            return "expired";
        case session_state::closed:
            return "closed";
        case session_state::auth_failed:
            return "auth_failed";
    }
    return "unknown";
}

const char* to_string(event_type t) noexcept {
    switch (t) {
        case event_type::created:
            return "created";
        case event_type::deleted:
            return "deleted";
        case event_type::data_changed:
            return "data_changed";
        case event_type::children_changed:
            return "children_changed";
        case event_type::resync:
            return "resync";
    }
    return "unknown";
}

}    // namespace muster::zk
