// Part of muster. Boost Software License 1.0, see LICENSE.
#include "foreign/c_client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace muster::test {
namespace {

constexpr int close_session = -11;
constexpr std::size_t most_data = 1 << 20;

/// The descriptors of this process that are connected to a local port.
std::vector<int> sockets_to(std::uint16_t port) {
    std::vector<int> found;
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in a{};
        socklen_t size = sizeof a;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 && a.sin_family == AF_INET &&
            ntohs(a.sin_port) == port)
            found.push_back(fd);
    }
    return found;
}

void append(std::string& to, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<char>(value >> (8 * i)));
}

/// Takes a session over and closes it in the same breath. False if there was no such session.
bool try_to_end_session(std::uint16_t server_port, const clientid_t& id) {
    std::string bytes;
    append(bytes, 45, 4);    // the size of what follows
    append(bytes, 0, 4);     // protocol version
    append(bytes, 0, 8);     // last zxid seen
    append(bytes, 6'000, 4);
    append(bytes, static_cast<std::uint64_t>(id.client_id), 8);
    append(bytes, sizeof id.passwd, 4);
    bytes.append(id.passwd, sizeof id.passwd);
    bytes.push_back(0);    // not read-only
    append(bytes, 8, 4);
    append(bytes, 1, 4);    // xid
    append(bytes, static_cast<std::uint64_t>(close_session), 4);

    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(server_port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool ok = ::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0;
    ok = ok && ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    std::string reply;
    std::array<char, 256> part{};
    while (ok) {    // until the server closes
        const auto n = ::recv(fd, part.data(), part.size(), 0);
        if (n <= 0) break;
        reply.append(part.data(), static_cast<std::size_t>(n));
    }
    ::close(fd);
    if (!ok) throw std::runtime_error("the server could not be reached");
    constexpr std::size_t timeout_at = 8;
    return reply.size() < timeout_at + 4 || reply.compare(timeout_at, 4, std::string(4, '\0')) != 0;
}

}    // namespace

// Its client comes back at once, and where it is faster than our second request it takes the session with it.
void end_session(std::uint16_t server_port, const clientid_t& id) {
    while (try_to_end_session(server_port, id)) {}
}

c_client::c_client(const std::string& hosts, std::chrono::milliseconds session_timeout, const clientid_t* resume) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    handle_ = zookeeper_init(hosts.c_str(), &c_client::on_event, static_cast<int>(session_timeout.count()), resume, this, 0);
    if (!handle_) throw std::runtime_error("zookeeper_init failed");
}

c_client::~c_client() { zookeeper_close(handle_); }

void c_client::on_event(zhandle_t*, int type, int state, const char* path, void* context) {
    auto& self = *static_cast<c_client*>(context);
    const std::lock_guard lock(self.mutex_);
    if (type == ZOO_SESSION_EVENT) {
        self.state_ = state;
        if (state == ZOO_CONNECTED_STATE) ++self.connects_;
    } else {
        self.events_.push_back({type, path ? path : ""});
    }
    self.changed_.notify_all();
}

bool c_client::wait_state(int state, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return state_ == state; });
}

c_event c_client::event(std::size_t n, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, timeout, [&] { return events_.size() > n; })) throw std::runtime_error("no such event came");
    return events_[n];
}

std::size_t c_client::events() const {
    const std::lock_guard lock(mutex_);
    return events_.size();
}

int c_client::connects() const {
    const std::lock_guard lock(mutex_);
    return connects_;
}

void c_client::break_connection(std::uint16_t server_port) {
    const auto sockets = sockets_to(server_port);
    if (sockets.empty()) throw std::runtime_error("no connection to break");
    for (const int fd : sockets) ::shutdown(fd, SHUT_RDWR);
}

c_result c_client::create(const std::string& path, const std::string& data, int mode, const ACL_vector& acl, std::int64_t ttl) {
    c_result r;
    r.text.resize(path.size() + 16);
    r.code = zoo_create2_ttl(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), &acl, mode, ttl, r.text.data(),
                             static_cast<int>(r.text.size()), &r.stat);
    r.text.resize(r.code == ZOK ? r.text.find('\0') : 0);
    return r;
}

c_result c_client::get(const std::string& path, bool watch) {
    c_result r;
    r.text.resize(most_data);
    int size = static_cast<int>(r.text.size());
    r.code = zoo_get(handle_, path.c_str(), watch, r.text.data(), &size, &r.stat);
    r.text.resize(r.code == ZOK && size > 0 ? static_cast<std::size_t>(size) : 0);
    return r;
}

c_result c_client::set(const std::string& path, const std::string& data, int version) {
    c_result r;
    r.code = zoo_set2(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), version, &r.stat);
    return r;
}

int c_client::remove(const std::string& path, int version) { return zoo_delete(handle_, path.c_str(), version); }

c_result c_client::exists(const std::string& path, bool watch) {
    c_result r;
    r.code = zoo_exists(handle_, path.c_str(), watch, &r.stat);
    return r;
}

std::pair<int, std::vector<std::string>> c_client::children(const std::string& path, bool watch) {
    String_vector v{};
    const int code = zoo_get_children(handle_, path.c_str(), watch, &v);
    std::vector<std::string> names;
    if (code == ZOK) {
        names.assign(v.data, v.data + v.count);
        deallocate_String_vector(&v);
    }
    std::sort(names.begin(), names.end());
    return {code, std::move(names)};
}

int c_client::add_auth(const std::string& scheme, const std::string& credentials) {
    struct waiter {
        std::mutex mutex;
        std::condition_variable changed;
        int code = 1;    // no such code
    } w;
    const auto done = [](int code, const void* context) {
        auto& to = *static_cast<waiter*>(const_cast<void*>(context));
        const std::lock_guard lock(to.mutex);
        to.code = code;
        to.changed.notify_all();
    };
    const int sent = zoo_add_auth(handle_, scheme.c_str(), credentials.data(), static_cast<int>(credentials.size()), done, &w);
    if (sent != ZOK) return sent;
    std::unique_lock lock(w.mutex);
    w.changed.wait(lock, [&] { return w.code != 1; });
    return w.code;
}

int c_client::set_acl(const std::string& path, const ACL_vector& acl, int version) {
    return zoo_set_acl(handle_, path.c_str(), version, &acl);
}

std::pair<int, std::vector<std::string>> c_client::acl(const std::string& path) {
    ACL_vector v{};
    Stat stat{};
    const int code = zoo_get_acl(handle_, path.c_str(), &v, &stat);
    std::vector<std::string> all;
    for (int i = 0; code == ZOK && i < v.count; ++i)
        all.push_back(std::to_string(v.data[i].perms) + " " + v.data[i].id.scheme + ":" + v.data[i].id.id);
    if (code == ZOK) deallocate_ACL_vector(&v);
    return {code, std::move(all)};
}

int c_client::remove_watches(const std::string& path) {
    return zoo_remove_watches(handle_, path.c_str(), ZWATCHTYPE_ANY, &c_client::on_event, this, 0);
}

}    // namespace muster::test
