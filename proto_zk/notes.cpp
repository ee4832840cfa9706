// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/notes.hpp"

namespace muster::zk::proto {

log_level level_of(log_event e) noexcept {
    switch (e) {
        case log_event::connecting:
            return log_level::debug;
        case log_event::connected:
        case log_event::writable_found:
        case log_event::resumed:
        case log_event::watches_rearmed:
        case log_event::batching_refused:
        case log_event::closed:
            return log_level::info;
        case log_event::attempt_failed:
        case log_event::connected_read_only:
        case log_event::connection_lost:
        case log_event::session_expired:
        case log_event::unimplemented:
        case log_event::overloaded:
        case log_event::throttled:
        case log_event::close_timed_out:
            return log_level::warning;
        case log_event::protocol_error:
        case log_event::auth_refused:
        case log_event::servers_behind:
            break;
    }
    return log_level::error;
}

const char* describe(log_event e) noexcept {
    switch (e) {
        case log_event::connecting:
            return "connecting";
        case log_event::attempt_failed:
            return "server not reached";
        case log_event::connected:
            return "connected, with a new session";
        case log_event::connected_read_only:
            return "connected to a server that takes no writes";
        case log_event::writable_found:
            return "a server that takes writes was found";
        case log_event::resumed:
            return "connected, session resumed";
        case log_event::watches_rearmed:
            return "watches armed again";
        case log_event::connection_lost:
            return "connection lost";
        case log_event::protocol_error:
            return "connection dropped over a protocol error";
        case log_event::session_expired:
            return "session expired";
        case log_event::auth_refused:
            return "credentials refused; the client has given up";
        case log_event::servers_behind:
            return "every server closes without a word: all are behind what was seen, or none serves";
        case log_event::unimplemented:
            return "the server does not know this type of request";
        case log_event::batching_refused:
            return "the server does not take batches of reads";
        case log_event::overloaded:
            return "too many requests wait; requests are refused";
        case log_event::throttled:
            return "the server is overloaded and has thrown requests back; they wait";
        case log_event::closed:
            return "closed";
        case log_event::close_timed_out:
            return "closed, but no server has confirmed the end of the session";
    }
    return "";
}

}    // namespace muster::zk::proto
