// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Keeps one instance registered: decides what to ask of ZooKeeper next, from what is known. No I/O, no clock, no chance.
//
// The machine is level-triggered. It holds what it knows of its own znode, of the master's, and of strays (znodes of its own
// that must go), and each of them may be unknown. `next()` names the one thing to do; events and errors only make knowledge
// unknown again, so no event can be missed or come at a wrong time.
//
//     no znode ── create master ── NODEEXISTS ── read master ─┬─ is ours, of a former session or start: a stray ── mark it
//                                                             │                       master  <── multi {delete, create} ──┘
//                                                             └─ is another's ── create normal ─┐
//     master: read own + watch, idle  <── multi {create master, delete own} ── wait by rank <── master gone ── normal: watch both
#pragma once

#include <muster/instance.hpp>
#include <muster/zk/types.hpp>

#include "registry/backoff.hpp"
#include "registry/layout.hpp"
#include "registry/request.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::registry {

/// What a registration is told at its beginning.
struct registration_params {
    std::shared_ptr<const registry::layout> layout;
    std::string service_path;
    bool shared = false;    ///< The session is not this registration's alone: it may own znodes of others in the service.
    std::chrono::milliseconds promotion_step{30};
    std::chrono::milliseconds retry_min{50};
    std::chrono::milliseconds retry_max{5'000};

    registration_params() = default;
};

class registration {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Which of its two watches an event belongs to. A request that arms one replaces the one before.
    enum class watch { none, own, master };

    /// What to do next.
    struct step {
        enum class kind {
            idle,    ///< Nothing, until something is told to the machine.
            wait,    ///< Call `next` again at `at`, or when something was told to the machine before.
            ask,     ///< Perform `ask` and give its reply to `on_reply`. `arms` is its watch, if it has one.
            done,    ///< Closed, and nothing of ours is left.
        };
        kind what = kind::idle;
        time_point at{};
        request ask;
        watch arms = watch::none;

        step() = default;
    };

    registration(registration_params p, const instance& i);

    /// What to do now. Precondition: no reply is outstanding.
    step next(time_point now);

    /// The reply to the request that `next` asked for. `random`: 64 random bits.
    void on_reply(reply r, time_point now, std::uint64_t random);

    /// A watch fired or ended.
    void on_watch(watch w);

    /// The session changed. `id` is that of the session while it is connected.
    void on_session(zk::session_state state, zk::session_id id);

    /// Publishes other data from now on.
    void update(const instance& i);

    /// What closing removes.
    enum class removal {
        none,      ///< It is not closing.
        former,    ///< What sessions before the present one have left. What that one owns goes with it.
        all,
    };
    /// Removes what is registered and registers nothing any more.
    void close(removal what = removal::all) noexcept { closing_ = what; }

    /// True while a znode of ours stands, as far as is known.
    bool registered() const noexcept { return own_ && own_->owner != 0; }
    /// True while a znode of ours was created by a transaction and not been read yet.
    bool unread() const noexcept { return own_ && own_->owner == 0; }
    /// True while the znode stands and says what it should.
    bool published() const noexcept { return registered() && own_->data == data_; }
    muster::role role() const noexcept { return registered() ? own_->role : muster::role::none; }
    std::string path() const { return registered() ? own_->path : std::string(); }
    zk::zxid czxid() const noexcept { return registered() ? own_->czxid : 0; }
    /// The session that owns the znode.
    zk::session_id owner() const noexcept { return registered() ? own_->owner : 0; }
    /// The client is closed, and something of ours may have stood then: it is there for as long as the session is.
    bool left_behind() const noexcept { return left_behind_; }
    /// Something of ours may stand that does not go with the present session, since it belongs to one before that.
    bool former_left() const noexcept;
    std::uint64_t registrations() const noexcept { return registrations_; }
    const error_code& last_error() const noexcept { return last_error_; }
    /// How many attempts have failed and are to be repeated.
    std::uint64_t failures() const noexcept { return failures_; }

private:
    /// The znode that is the registration.
    struct own_node {
        std::string path;
        muster::role role = muster::role::none;
        zk::session_id owner = 0;    ///< 0: not told yet, a read will.
        zk::zxid czxid = 0;
        std::int32_t version = 0;
        std::string data;
        bool verified = false;    ///< Read with a watch since anything was heard of it.
        bool current = true;      ///< Read or made since the connection was resumed: whatever was missed is known.

        own_node() noexcept {}    // clang cannot default it inside of a class that is not complete yet
    };
    /// A znode of ours that must go.
    struct stray {
        std::string path;
        zk::zxid czxid = 0;          ///< 0: not told; what is found at the path must then be judged by its data.
        zk::session_id owner = 0;    ///< 0: not told.
        std::int32_t version = 0;
        bool other_start = false;    ///< Its session is not known to be ours: it is told by its czxid alone.
        bool checked = false;        ///< Seen to be ours, with this version.
        bool can_vanish = false;     ///< It is of a session that ends by itself, and its path is not ours alone.
        bool marked = false;         ///< Its version is one that no znode comes by unless we give it.
        bool in_flight = false;      ///< Part of the transaction that is outstanding.

        bool ready() const noexcept { return checked && (marked || !can_vanish); }
    };
    enum class master_state {
        unknown,
        taken,      ///< It exists, by whom is not known.
        absent,     ///< It did not exist when it was read.
        present,    ///< Read, with a watch.
    };
    /// The way to become master, once it is absent.
    struct promotion {
        bool ranked = false;
        bool rechecked = false;
        time_point at{};
    };
    /// After an outcome that is not known: looks whether a znode of ours came of it.
    struct search {
        enum class stage { sync, list, probe };
        stage at = stage::sync;
        bool normals = false;    ///< Normals too, not the master only.
        bool former = false;     ///< The request may have been applied in a session before the present one.
        std::vector<std::string> paths;

        search() noexcept {}    // see own_node
    };
    enum class purpose {
        none,
        create_parent,
        create_master,
        create_normal,
        read_master,
        read_own,
        rank,
        promote,
        set_data,
        sync_strays,
        check_stray,
        mark_stray,
        remove_stray,
        search_sync,
        search_list,
        search_probe,
    };

    step next_close(time_point now);
    step next_search();
    step next_register(time_point now);
    step next_promotion(time_point now);
    step next_stray();
    step ask(purpose p, request r, watch arms = watch::none);
    step look(purpose p, std::string path);
    step create(purpose p);
    step mark(stray& s);
    step read_master();
    static step wait(time_point at);

    void created(reply r, time_point now, std::uint64_t random);
    void master_read(reply r, time_point now, std::uint64_t random);
    void own_read(reply r, time_point now, std::uint64_t random);
    void rank_is(std::int64_t rank, time_point now);
    void ranked(const reply& r, time_point now, std::uint64_t random);
    void promoted(const reply& r, time_point now, std::uint64_t random);
    void data_set(const reply& r, time_point now, std::uint64_t random);
    void stray_checked(const reply& r, time_point now, std::uint64_t random);
    void stray_marked(const reply& r, time_point now, std::uint64_t random);
    void stray_removed(const reply& r, time_point now, std::uint64_t random);
    void searched(reply r, time_point now, std::uint64_t random);

    void stands(muster::role role, std::string path, const zk::stat& s, std::string data);
    void found(const std::string& path, const zk::stat& s);
    void lose(bool stray_left);
    void missed();
    void change_session(zk::session_id id);
    void start_search(bool normals);
    stray& add_stray(std::string path, zk::zxid czxid, zk::session_id owner);
    void uncheck_strays();
    bool strays_ready() const noexcept;
    bool creating() const noexcept;
    bool may_stand() const noexcept;
    void fail(const error_code& ec, time_point now, std::uint64_t random);
    void fight(time_point now, std::uint64_t random);
    bool mine(zk::session_id owner) const noexcept { return owner != 0 && (owner == session_ || former(owner)); }
    bool former(zk::session_id owner) const noexcept;
    bool says_us(const std::string& path, const reply& r) const;

    registration_params p_;
    std::string master_path_;
    std::string data_;
    std::string identity_;
    std::vector<std::string> identities_;    ///< That one, and those it had before.

    zk::session_id session_ = 0;
    bool connected_ = false;
    std::deque<zk::session_id> former_;    ///< Sessions that this registration had before.

    std::optional<own_node> own_;
    std::vector<stray> strays_;
    master_state master_ = master_state::unknown;
    zk::session_id master_owner_ = 0;
    zk::zxid master_czxid_ = 0;
    bool master_is_me_ = false;    ///< Its data carries our identity, and not because we have written it there.
    /// What is to be deleted by its version is looked at behind a sync: a server that is behind shows one's own znode of before
    /// where another's stands already, with the same version.
    bool strays_synced_ = false;
    /// What was written to the master's path last, until a read shows that it is still ours. Who took our place unnoticed can
    /// have a znode of the same version: then our data stands in another's znode.
    std::optional<std::string> blind_write_;
    zk::zxid blind_czxid_ = 0;    ///< Of the znode it was meant for.
    zk::zxid overwritten_ = 0;    ///< The znode of another to which that happened: what it says of us does not count.
    promotion promotion_;
    std::optional<std::uint64_t> drawn_rank_;    ///< While the normals cannot be listed; until there is a master.
    std::optional<search> search_;
    std::vector<std::string> parents_;    ///< Still to be created, outermost first.

    purpose outstanding_ = purpose::none;
    zk::session_id asked_in_ = 0;    ///< Session in which something was asked last.
    std::string sent_data_;          ///< Data of the create or set that is outstanding.
    std::size_t create_at_ = 0;      ///< Where the create is among the operations of a transaction that is outstanding.
    std::string sent_path_;

    backoff retry_;
    time_point retry_at_{};
    unsigned fights_ = 0;    ///< Times in a row that somebody else took or rewrote our znode.
    time_point fight_until_{};
    time_point fought_at_{};
    std::chrono::milliseconds fight_bound_{0};

    removal closing_ = removal::none;
    bool gone_ = false;    ///< The client is closed.
    bool left_behind_ = false;
    std::uint64_t registrations_ = 0;
    error_code last_error_;
    std::uint64_t failures_ = 0;
};

}    // namespace muster::registry
