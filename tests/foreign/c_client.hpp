// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Apache's C client (libzookeeper_mt), wrapped as far as tests need it.
#pragma once

#include <zookeeper/zookeeper.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

/// An event as a watcher got it.
struct c_event {
    int type = 0;
    std::string path;
    friend bool operator==(const c_event&, const c_event&) = default;
};

/// What a call gave: its code (ZOK, ZNONODE, ...), and what came with it.
struct c_result {
    int code = ZSYSTEMERROR;
    std::string text;    ///< Data, or the path of what was created.
    Stat stat{};
};

/// Ends a session by connections of its own, that take it over and close it in the same breath.
void end_session(std::uint16_t server_port, const clientid_t& id);

/// One handle. Calls are those of the library that wait for the reply.
class c_client {
public:
    /// Begins to connect; with the id of a session, resumes that.
    explicit c_client(const std::string& hosts, std::chrono::milliseconds session_timeout = std::chrono::seconds(6),
                      const clientid_t* resume = nullptr);
    c_client(const c_client&) = delete;
    c_client& operator=(const c_client&) = delete;
    /// Ends the session.
    ~c_client();

    /// Waits for a state, such as ZOO_CONNECTED_STATE; false if it does not come.
    bool wait_state(int state, std::chrono::milliseconds timeout = std::chrono::seconds(15));
    /// Waits for the `n`-th event (from 0) of all watches together; throws `std::runtime_error` if it does not come.
    c_event event(std::size_t n, std::chrono::milliseconds timeout = std::chrono::seconds(10));
    std::size_t events() const;
    /// How often it has been connected.
    int connects() const;

    /// Shuts down the socket below the client, as a failing network would.
    void break_connection(std::uint16_t server_port);

    clientid_t id() const { return *zoo_client_id(handle_); }
    int timeout_ms() const { return zoo_recv_timeout(handle_); }

    c_result create(const std::string& path, const std::string& data, int mode = ZOO_PERSISTENT,
                    const ACL_vector& acl = ZOO_OPEN_ACL_UNSAFE, std::int64_t ttl = -1);
    c_result get(const std::string& path, bool watch = false);
    c_result set(const std::string& path, const std::string& data, int version = -1);
    int remove(const std::string& path, int version = -1);
    c_result exists(const std::string& path, bool watch = false);
    /// Sorted.
    std::pair<int, std::vector<std::string>> children(const std::string& path, bool watch = false);
    int add_auth(const std::string& scheme, const std::string& credentials);
    int set_acl(const std::string& path, const ACL_vector& acl, int version = -1);
    /// "PERMISSIONS scheme:id" for each.
    std::pair<int, std::vector<std::string>> acl(const std::string& path);
    int remove_watches(const std::string& path);

    zhandle_t* handle() const noexcept { return handle_; }

private:
    static void on_event(zhandle_t* h, int type, int state, const char* path, void* self);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<c_event> events_;
    int state_ = 0;
    int connects_ = 0;
    zhandle_t* handle_ = nullptr;
};

}    // namespace muster::test
