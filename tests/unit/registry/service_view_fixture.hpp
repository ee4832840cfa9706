// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A service view on a tree in memory, and the tree that most of its tests begin with.
#pragma once

#include "registry/service_view.hpp"

#include "fake_tree.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace muster::registry::testing {

using namespace std::chrono_literals;

inline std::string data(const std::string& code) { return R"({"serveruniquecode":")" + code + "\"}"; }

/// One view on a tree, connected by hand.
struct viewer {
    explicit viewer(bool recursive = true, std::size_t window = 8, bool chroot = false, std::chrono::milliseconds spread = 0ms)
        : viewer(recursive, params(window, chroot, spread)) {}
    viewer(bool recursive, view_params p) : supports_recursive(recursive), m(std::move(p), now) {
        tree.listen([this](zk::event_type t, const std::string& path) {
            if (!watching || !connected || (path != "/p/s" && !path.starts_with("/p/s/"))) return;
            if (!hides_forbidden || !forbidden || !forbidden({request::kind::get, path})) events.emplace_back(t, path);
        });
    }

    static view_params params(std::size_t window = 8, bool chroot = false, std::chrono::milliseconds spread = 0ms) {
        view_params p;
        p.service_path = "/p/s";
        p.chroot = chroot;
        p.read_window = window;
        p.spread = spread;
        return p;
    }

    void connect() {
        connected = true;
        m.on_session(zk::session_state::connected, session, now, random);
        if (watching) events.emplace_back(zk::event_type::resync, "/p/s");
    }
    void disconnect() {
        connected = false;
        m.on_session(zk::session_state::suspended, session, now, random);
    }
    void expire() {
        tree.end_session(session);
        watching = false;
        connected = false;
        m.on_session(zk::session_state::expired, session, now, random);
        if (recursive_set) m.on_watch_end(now, random);
        ++session;
    }

    reply perform(const request& r) {
        if (too_large && too_large(r)) {
            reply out;
            out.ec = zk::protocol_errc::frame_too_large;
            return out;
        }
        if (forbidden && forbidden(r)) {
            reply out;
            out.ec = zk::server_errc::no_auth;
            return out;
        }
        if (r.what != request::kind::add_watch) return tree.perform(r, session);
        reply out;
        watching = recursive_set = supports_recursive;
        if (!supports_recursive) out.ec = zk::server_errc::unimplemented;
        return out;
    }

    void deliver() {
        for (const auto& f : tree.take_fired()) {
            if (f.session == session) events.emplace_back(f.type, f.path);
        }
        while (!events.empty()) {
            const auto [type, path] = events.front();
            events.pop_front();
            m.on_event(type, path, now, random);
        }
    }

    /// A reply that is on its way.
    struct in_flight {
        std::uint64_t id = 0;
        std::string path;
        reply told;
    };

    /// Asks the next thing, once all events so far are told; the tree answers at once, and the reply is kept.
    std::optional<in_flight> ask() {
        deliver();
        const auto a = m.next(now);
        if (!a) return std::nullopt;
        return in_flight{a->id, a->what.path, perform(a->what)};
    }
    /// The reply comes, behind all events so far.
    void answer(in_flight f) {
        deliver();
        m.on_reply(f.id, std::move(f.told), now, random_of_replies);
    }

    /// All that can be asked now is answered.
    void work() {
        for (int i = 0; step(); ++i) REQUIRE(i < 100'000);
    }

    bool step() {
        auto f = ask();
        if (!f) return false;
        answer(std::move(*f));
        return true;
    }

    void settle() {
        for (int i = 0;; ++i) {
            REQUIRE(i < 100'000);
            work();
            if (!m.wake_at()) return;
            now = *m.wake_at();
        }
    }

    std::string names() const {
        std::string out;
        for (const auto& p : m.state().instances) out += (out.empty() ? "" : " ") + p->identity;
        return out;
    }

    bool supports_recursive;
    bool watching = false;
    bool recursive_set = false;
    bool connected = false;
    zk::session_id session = 1;
    service_view::time_point now{std::chrono::hours(1)};
    std::uint64_t random = 0;                         ///< What the next draws give,
    std::uint64_t random_of_replies = 0;              ///< and those over replies.
    std::function<bool(const request&)> too_large;    ///< Whose reply is; none if this is empty.
    std::function<bool(const request&)> forbidden;    ///< The same: who may not.
    bool hides_forbidden = false;                     ///< As newer servers, which tell nothing of what may not be read.
    fake_tree tree;
    std::deque<std::pair<zk::event_type, std::string>> events;
    service_view m;
};

inline bool is_list(const request& r) { return r.what == request::kind::children; }

inline void fill(fake_tree& t) {
    t.put("/p", "");
    t.put("/p/s", "");
    t.put("/p/s/master", data("m"));
    t.put("/p/s/normal0000000001", data("a"));
    t.put("/p/s/normal0000000002", data("b"));
}

}    // namespace muster::registry::testing
