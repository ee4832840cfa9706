// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/error.hpp>

#include <boost/system/errc.hpp>
#include <boost/system/error_condition.hpp>

#include <string>

namespace muster::zk {
namespace {

// Null for numbers that are not in server_errc: servers of later versions may know more.
const char* describe(server_errc e) noexcept {
    switch (e) {
        case server_errc::system_error:
            return "the server failed inside";
        case server_errc::runtime_inconsistency:
            return "the operation was not reached, because an earlier one of its transaction failed";
        case server_errc::data_inconsistency:
            return "the server found its data inconsistent";
        case server_errc::connection_loss:
            return "the server reported a lost connection";
        case server_errc::marshalling_error:
            return "the server could not read the request";
        case server_errc::unimplemented:
            return "the server does not support this operation (too old, or not enabled)";
        case server_errc::operation_timeout:
            return "the server did not finish the operation in time";
        case server_errc::bad_arguments:
            return "the server found an argument invalid";
        case server_errc::unknown_session:
            return "the server does not know this session";
        case server_errc::new_config_no_quorum:
            return "no quorum of the new configuration is connected to the leader";
        case server_errc::reconfig_in_progress:
            return "another reconfiguration is in progress";
        case server_errc::api_error:
            return "the server reported an unspecified error of the request";
        case server_errc::no_node:
            return "the znode does not exist";
        case server_errc::no_auth:
            return "the znode's ACL does not permit this";
        case server_errc::bad_version:
            return "the znode's version is not the expected one";
        case server_errc::no_children_for_ephemerals:
            return "an ephemeral znode cannot have children";
        case server_errc::node_exists:
            return "the znode exists already";
        case server_errc::not_empty:
            return "the znode has children";
        case server_errc::session_expired:
            return "the session has expired";
        case server_errc::invalid_callback:
            return "the server reported an invalid callback";
        case server_errc::invalid_acl:
            return "the ACL is empty or malformed";
        case server_errc::auth_failed:
            return "authentication failed";
        case server_errc::session_moved:
            return "the session has moved to another server";
        case server_errc::not_read_only:
            return "the server is read-only at the moment";
        case server_errc::ephemeral_on_local_session:
            return "a local session cannot create ephemeral znodes";
        case server_errc::no_watcher:
            return "there is no such watch";
        case server_errc::request_timeout:
            return "the server reported a timed-out request";
        case server_errc::reconfig_disabled:
            return "reconfiguration is disabled on the server";
        case server_errc::session_closed_require_sasl_auth:
            return "the server closed the session because it requires SASL authentication";
        case server_errc::quota_exceeded:
            return "a quota is exceeded";
        case server_errc::throttled:
            return "the server is overloaded; try again later";
    }
    return nullptr;
}

const char* describe(client_errc e) noexcept {
    switch (e) {
        case client_errc::connection_lost:
            return "the connection was lost before the reply came; the request may or may not have been applied";
        case client_errc::not_sent:
            return "not connected; the request was not sent";
        case client_errc::session_expired:
            return "the session has expired; the request was not sent";
        case client_errc::closed:
            return "the client is closed; the request was not sent";
        case client_errc::invalid_path:
            return "the path is not a legal ZooKeeper path";
        case client_errc::invalid_argument:
            return "an argument is out of its range";
        case client_errc::invalid_connect_string:
            return "the connect string is invalid";
        case client_errc::request_too_large:
            return "the request is larger than the server accepts; it was not sent";
        case client_errc::close_timed_out:
            return "no server confirmed the end of the session in time; it will expire by itself";
        case client_errc::watch_ended:
            return "the watch has ended";
        case client_errc::moving:
            return "the client moves to another server of its list";
        case client_errc::timed_out:
            return "no server answered in time";
        case client_errc::overloaded:
            return "too many requests wait or are under way; this one was not sent";
        case client_errc::deadline_exceeded:
            return "the deadline of the request passed after it was sent; it may or may not have been applied";
        case client_errc::deadline_exceeded_unsent:
            return "the deadline of the request passed before it was sent; it was not applied";
    }
    return nullptr;
}

const char* describe(protocol_errc e) noexcept {
    switch (e) {
        case protocol_errc::truncated:
            return "protocol violation: a record ends in the middle of a field";
        case protocol_errc::bad_length:
            return "protocol violation: a length is negative or exceeds what was sent";
        case protocol_errc::frame_too_large:
            return "a frame is larger than the limit (jute.maxbuffer)";
        case protocol_errc::xid_out_of_order:
            return "protocol violation: a reply does not answer the oldest request";
        case protocol_errc::unexpected_reply:
            return "protocol violation: a reply came although nothing was asked";
        case protocol_errc::bad_multi:
            return "protocol violation: the parts of a multi contradict each other";
        case protocol_errc::bad_handshake:
            return "protocol violation: the handshake is malformed; the peer may not be a ZooKeeper";
    }
    return nullptr;
}

const char* describe(tls_errc e) noexcept {
    switch (e) {
        case tls_errc::files_unusable:
            return "a file of the TLS options cannot be used";
        case tls_errc::handshake_failed:
            return "the TLS handshake failed";
        case tls_errc::not_tls:
            return "the server does not speak TLS on this port";
        case tls_errc::certificate_untrusted:
            return "no trusted authority has signed the server's certificate";
        case tls_errc::certificate_expired:
            return "the server's certificate has expired";
        case tls_errc::certificate_not_yet_valid:
            return "the server's certificate is not valid yet";
        case tls_errc::certificate_invalid:
            return "the server's certificate cannot be accepted";
        case tls_errc::wrong_host_name:
            return "the server's certificate is for another host";
        case tls_errc::client_certificate_missing:
            return "the server asks for a client certificate";
        case tls_errc::client_certificate_refused:
            return "the server does not accept the client certificate";
    }
    return nullptr;
}

const char* describe(sasl_errc e) noexcept {
    switch (e) {
        case sasl_errc::no_mechanism:
            return "the SASL mechanism is not installed";
        case sasl_errc::step_failed:
            return "the SASL mechanism could not go on";
        case sasl_errc::refused:
            return "the server does not use SASL, or does not take the user";
        case sasl_errc::server_untrusted:
            return "the server could not prove that it knows the password";
    }
    return nullptr;
}

template <class Enum>
constexpr bool times_out(Enum) noexcept {
    return false;
}
constexpr bool times_out(client_errc e) noexcept {
    return e == client_errc::timed_out || e == client_errc::deadline_exceeded || e == client_errc::deadline_exceeded_unsent;
}

// Boost's categories are never deleted through a pointer and have no virtual destructor.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
template <class Enum>
class category final : public boost::system::error_category {
public:
    // The ids make categories equal across shared libraries.
    constexpr category(const char* name, boost::ulong_long_type id) noexcept : error_category(id), name_(name) {}

    const char* name() const noexcept override { return name_; }

    std::string message(int value) const override {
        if (value == 0) return "success";
        const char* text = describe(static_cast<Enum>(value));
        return text != nullptr ? text : "unknown error " + std::to_string(value);
    }

    boost::system::error_condition default_error_condition(int value) const noexcept override {
        if (times_out(static_cast<Enum>(value))) return boost::system::errc::make_error_condition(boost::system::errc::timed_out);
        return {value, *this};
    }

private:
    const char* name_;
};
#pragma GCC diagnostic pop

constexpr category<server_errc> the_server_category("muster.zk.server", 0x6d75737465720001);
constexpr category<client_errc> the_client_category("muster.zk.client", 0x6d75737465720002);
constexpr category<protocol_errc> the_protocol_category("muster.zk.protocol", 0x6d75737465720003);
constexpr category<tls_errc> the_tls_category("muster.zk.tls", 0x6d75737465720004);
constexpr category<sasl_errc> the_sasl_category("muster.zk.sasl", 0x6d75737465720005);

outcome outcome_of(server_errc e) noexcept {
    switch (e) {
        // The leader may apply the request after the server gave up waiting for it, or lost it to a failure or a move.
        case server_errc::system_error:
        case server_errc::connection_loss:
        case server_errc::operation_timeout:
        case server_errc::session_moved:
        case server_errc::request_timeout:
            return outcome::unknown;
        default:
            return describe(e) != nullptr ? outcome::rejected : outcome::unknown;
    }
}

outcome outcome_of(client_errc e) noexcept {
    switch (e) {
        case client_errc::not_sent:
        case client_errc::session_expired:
        case client_errc::closed:
        case client_errc::invalid_path:
        case client_errc::invalid_argument:
        case client_errc::invalid_connect_string:
        case client_errc::request_too_large:
        case client_errc::overloaded:
        case client_errc::deadline_exceeded_unsent:
            return outcome::not_sent;
        default:
            return outcome::unknown;
    }
}

}    // namespace

const boost::system::error_category& server_category() noexcept { return the_server_category; }
const boost::system::error_category& client_category() noexcept { return the_client_category; }
const boost::system::error_category& protocol_category() noexcept { return the_protocol_category; }
const boost::system::error_category& tls_category() noexcept { return the_tls_category; }
const boost::system::error_category& sasl_category() noexcept { return the_sasl_category; }

error_code make_error_code(server_errc e) noexcept { return {static_cast<int>(e), server_category()}; }
error_code make_error_code(client_errc e) noexcept { return {static_cast<int>(e), client_category()}; }
error_code make_error_code(protocol_errc e) noexcept { return {static_cast<int>(e), protocol_category()}; }
error_code make_error_code(tls_errc e) noexcept { return {static_cast<int>(e), tls_category()}; }
error_code make_error_code(sasl_errc e) noexcept { return {static_cast<int>(e), sasl_category()}; }

outcome outcome_of(const error_code& ec) noexcept {
    if (ec.category() == server_category()) return outcome_of(static_cast<server_errc>(ec.value()));
    if (ec.category() == client_category()) return outcome_of(static_cast<client_errc>(ec.value()));
    // What was written before completes with connection_lost.
    if (ec.category() == tls_category() || ec.category() == sasl_category()) return outcome::not_sent;
    return outcome::unknown;
}

}    // namespace muster::zk
