// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The same work done by Apache's C client, as its documentation recommends for throughput: the multi-threaded library, its
// asynchronous calls, and completions that issue the next operation themselves.
#include "bench/workload.hpp"

#include <fmt/format.h>
#include <zookeeper/zookeeper.h>

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace muster::bench {
namespace {

constexpr std::chrono::seconds connect_patience{10};

struct run;

/// One of the operations that are outstanding at a time.
struct slot {
    run& owner;
    std::string own_path;
    bool created = false;    // create_delete: the delete is on its way
    meter::clock::time_point issued{};
    std::vector<Stat> stats{};
    std::vector<zoo_op_t> ops{};    // multi: the library reads these and writes the results until the completion
    std::vector<zoo_op_result_t> results{};
};

struct run {
    explicit run(const workload& w_) : w(w_), watch(w_) {}
    ~run() {
        if (handle) zookeeper_close(handle);
    }
    run(const run&) = delete;
    run& operator=(const run&) = delete;

    const workload& w;
    const std::string value = std::string(workload::value_size, 'v');
    const std::string value_path = w.value_path();
    const std::string parent_path = w.parent_path();
    std::vector<std::string> multi_paths;
    zhandle_t* handle = nullptr;
    meter watch;    // touched by the completion thread only, once operations have begun
    std::deque<slot> slots;

    std::mutex mutex;    // guards what follows
    std::condition_variable changed;
    bool connected = false;
    std::size_t active = 0;    // slots that will issue or complete something
    std::string error;

    void fail(std::string reason) {
        const std::lock_guard lock(mutex);
        if (error.empty()) error = std::move(reason);
        changed.notify_all();
    }
    void retire() {
        const std::lock_guard lock(mutex);
        --active;
        changed.notify_all();
    }
};

void issue(slot& s);

void complete(slot& s, int rc, bool right_size = true) {
    run& r = s.owner;
    if (rc != ZOK || !right_size) {
        r.fail(rc != ZOK ? fmt::format("{}: {}", to_string(r.w.op), zerror(rc)) : "a reply of the wrong size");
        return r.retire();
    }
    if (r.w.op == client_op::create_delete) {
        s.created = !s.created;
        if (s.created) return issue(s);
    }
    const auto now = meter::clock::now();
    if (!r.watch.completed(s.issued, now)) return r.retire();
    s.issued = now;
    issue(s);
}

slot& slot_of(const void* data) { return *static_cast<slot*>(const_cast<void*>(data)); }

void on_data(int rc, const char*, int size, const Stat*, const void* data) {
    complete(slot_of(data), rc, size == static_cast<int>(workload::value_size));
}
void on_stat(int rc, const Stat*, const void* data) { complete(slot_of(data), rc); }
void on_created(int rc, const char*, const Stat*, const void* data) { complete(slot_of(data), rc); }
void on_done(int rc, const void* data) { complete(slot_of(data), rc); }
void on_children(int rc, const String_vector* names, const Stat*, const void* data) {
    complete(slot_of(data), rc, names != nullptr && names->count == static_cast<int>(workload::children));
}

void issue(slot& s) {
    const run& r = s.owner;
    const int size = static_cast<int>(r.value.size());
    int rc = ZOK;
    switch (r.w.op) {
        case client_op::get:
            rc = zoo_aget(r.handle, r.value_path.c_str(), 0, on_data, &s);
            break;
        case client_op::set:
            rc = zoo_aset(r.handle, r.value_path.c_str(), r.value.data(), size, -1, on_stat, &s);
            break;
        case client_op::create_delete:
            if (s.created)
                rc = zoo_adelete(r.handle, s.own_path.c_str(), -1, on_done, &s);
            else
                rc = zoo_acreate2(r.handle, s.own_path.c_str(), r.value.data(), size, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL,
                                  on_created, &s);
            break;
        case client_op::children:
            rc = zoo_aget_children2(r.handle, r.parent_path.c_str(), 0, on_children, &s);
            break;
        case client_op::multi:
            for (std::size_t i = 0; i != r.multi_paths.size(); ++i)
                zoo_set_op_init(&s.ops[i], r.multi_paths[i].c_str(), r.value.data(), size, -1, &s.stats[i]);
            rc = zoo_amulti(r.handle, static_cast<int>(s.ops.size()), s.ops.data(), s.results.data(), on_done, &s);
            break;
    }
    if (rc == ZOK) return;
    s.owner.fail(fmt::format("{}: {}", to_string(r.w.op), zerror(rc)));
    s.owner.retire();
}

void on_session(zhandle_t*, int type, int state, const char*, void* context) {
    if (type != ZOO_SESSION_EVENT) return;
    run& r = *static_cast<run*>(context);
    if (state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE) return r.fail("the session ended");
    const std::lock_guard lock(r.mutex);
    r.connected = state == ZOO_CONNECTED_STATE;
    r.changed.notify_all();
}

}    // namespace

client_round run_zookeeper_c(const workload& w) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zoo_set_log_stream(std::fopen("/dev/null", "w"));    // it tells every attempt to connect; what failed is said below
    run r(w);
    for (std::size_t i = 0; i != workload::multi_size; ++i) r.multi_paths.push_back(w.multi_path(i));
    for (unsigned i = 0; i != w.window; ++i) {
        slot& s = r.slots.emplace_back(slot{r, w.own_path(i)});
        if (w.op != client_op::multi) continue;
        s.stats.resize(workload::multi_size);
        s.ops.resize(workload::multi_size);
        s.results.resize(workload::multi_size);
    }
    r.handle = zookeeper_init(w.hosts.c_str(), on_session, static_cast<int>(workload::session_timeout.count()), nullptr, &r, 0);
    if (!r.handle) throw std::runtime_error(fmt::format("zookeeper_init refused \"{}\"", w.hosts));

    std::unique_lock lock(r.mutex);
    if (!r.changed.wait_for(lock, connect_patience, [&r] { return r.connected || !r.error.empty(); }))
        r.error = fmt::format("not connected to \"{}\" within {} s", w.hosts, connect_patience.count());
    if (!r.error.empty()) throw std::runtime_error(r.error);
    r.active = r.slots.size();
    lock.unlock();
    r.watch.begin();
    const auto now = meter::clock::now();
    for (slot& s : r.slots) {
        s.issued = now;
        issue(s);
    }
    lock.lock();
    r.changed.wait(lock, [&r] { return r.active == 0 || !r.error.empty(); });
    if (!r.error.empty()) throw std::runtime_error(r.error);
    return r.watch.result();
}

}    // namespace muster::bench
