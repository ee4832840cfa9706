// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Keeps what is known of the instances of one service: decides what to read next. No I/O, no clock, no chance.
//
// The machine is level-triggered: the list and each child are dirty until a read that began after the last word of them
// succeeded. Errors leave what is known as it is, and mark it stale; only NONODE, a deletion's event and data that is no
// instance, or that no reply can bring, remove. A child that we may not read is reported, asked for again, and makes nothing
// stale.
//
// One persistent recursive watch tells of every child by name, so that a change costs one read, or none if it is a deletion.
// Servers before 3.6 have no such watch: then one-shot watches on the list and on each child do the same.
#pragma once

#include <muster/zk/types.hpp>

#include "registry/backoff.hpp"
#include "registry/layout.hpp"
#include "registry/request.hpp"
#include "registry/view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace muster::registry {

class service_view {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// A request to perform; its reply is given to `on_reply` with the same id.
    struct ask {
        std::uint64_t id = 0;
        request what;

        ask() = default;
    };

    service_view(view_params p, time_point now);

    /// The next thing to ask; call it until it gives none. Replies may be outstanding, up to the window.
    std::optional<ask> next(time_point now);
    /// When to call `next` again if nothing is heard before; none where there is no need to.
    std::optional<time_point> wake_at() const noexcept;

    // `random`: 64 random bits.
    void on_reply(std::uint64_t id, reply r, time_point now, std::uint64_t random);
    /// A watch fired.
    void on_event(zk::event_type type, std::string_view path, time_point now, std::uint64_t random);
    /// The recursive watch ended.
    void on_watch_end(time_point now, std::uint64_t random);
    /// The session changed. `id` is that of the session while it is connected.
    void on_session(zk::session_state state, zk::session_id id, time_point now, std::uint64_t random);

    const view_state& state() const noexcept { return state_; }
    /// True if the state changed since this was called last.
    bool take_changed() noexcept;

private:
    struct member {
        std::shared_ptr<const parsed_instance> good;
        std::string reason;    ///< Why it is rejected; empty otherwise.
        bool reading = false;
        bool again = false;       ///< Something was heard of it since the read began.
        bool outdated = false;    ///< It was deleted since the read began: what the reply tells is of the past.
        bool gone = false;        ///< The last word of it was its deletion, and no read has told since.
        bool oversize = false;    ///< Ask for its size before its data.
        bool created_since_list = false;
        std::uint64_t arrival = 0;    ///< Its number among those that arrived and were not read yet; 0: it was read.
    };
    /// A removal that is not shown before those who arrived earlier are.
    struct departure {
        std::uint64_t after = 0;    ///< Number of the last arrival before it.
        std::string name;
    };
    enum class what { watch, list, parent, root, child, size };
    struct outstanding {
        what kind = what::list;
        std::string child;
    };
    enum class watch_state { none, adding, armed };
    enum class list_state { dirty, reading, reading_again, clean };
    enum class root_state { fine, owed, reading };

    ask make(what kind, request::kind r, std::string path, std::string child = {});
    bool listed() const noexcept { return list_ == list_state::clean; }
    void list_again();
    void everything_dirty();
    void read_again(time_point now, std::uint64_t random);
    void child_dirty(const std::string& name, bool created);
    void listed(reply r);
    void root_read(const reply& r, time_point now, std::uint64_t random);
    void child_read(const std::string& name, reply r, time_point now, std::uint64_t random);
    void no_longer_forbidden(const std::string& name, bool read);
    void ask_forbidden_again();
    void parsed(const std::string& name, member& m, const reply& r);
    void remove(const std::string& name);
    void depart(const std::string& name);
    void arrived(std::uint64_t& number);
    void show(const std::string& name);
    void behind(time_point now);
    void fail(const error_code& ec, time_point now, std::uint64_t random);
    void report(const error_code& ec, time_point now);
    void settle();
    void changed() noexcept;

    std::shared_ptr<const layout> layout_;
    std::string path_;
    std::size_t window_;
    std::size_t max_data_;
    bool chroot_;
    std::chrono::milliseconds spread_;

    bool recursive_ = true;
    bool connected_ = false;
    zk::session_id session_ = 0;
    watch_state watch_ = watch_state::none;
    bool resync_owed_ = false;     ///< Changes may have been missed: everything is read again once there is a connection.
    bool parent_watch_ = false;    ///< One-shot watches only: look for the path to be created.
    list_state list_ = list_state::dirty;
    root_state root_ = root_state::fine;    ///< Whether the root is to be looked for, since the service was not there.
    std::map<std::string, member, std::less<>> members_;
    std::set<std::string, std::less<>> dirty_;    ///< Members to be read.
    std::string last_read_;
    std::set<std::string, std::less<>> owed_;    ///< Members to be read before the view is right again.
    /// Members that we may not read. A change of the ACL, or of what we are, fires no watch: they are asked again in time.
    std::set<std::string, std::less<>> forbidden_;
    std::string last_forbidden_;
    std::uint64_t last_arrival_ = 0;
    std::set<std::uint64_t> arriving_;
    std::uint64_t list_arrival_ = 0;    ///< A list that is asked for counts as one: it may tell of newcomers.
    /// Children that are not read, and went while a list was: it may still name them.
    std::set<std::string, std::less<>> gone_since_list_;
    std::deque<departure> departures_;    ///< In order.

    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, outstanding> outstanding_;
    backoff retry_;
    backoff list_retry_;    ///< Of a list that is too large.
    std::optional<time_point> list_retry_at_;
    backoff forbidden_retry_;
    std::optional<time_point> forbidden_retry_at_;
    std::optional<time_point> retry_at_;
    std::optional<time_point> reread_at_;    ///< When everything becomes dirty, once the watch stands.

    view_state state_;
    bool changed_ = false;
};

}    // namespace muster::registry
