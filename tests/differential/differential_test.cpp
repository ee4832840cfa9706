// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Does the same random operations to Apache's server and to the embedded one, and compares every reply and every event.
//
// One session at a time has requests under way, up to a dozen, so that the order of everything is determined; after them every
// other session pings, behind which no event of those requests can follow. MUSTER_SEED and MUSTER_OPERATIONS choose another run.
#include "differential/operations.hpp"
#include "differential/transcript.hpp"
#include "differential/wire.hpp"
#include "proto_zk/frame.hpp"
#include "proto_zk/records_connect.hpp"
#include "support/zk_frames.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace muster::zk::proto;

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

using said = std::vector<std::string>;

/// A session on one of the servers.
struct peer {
    std::unique_ptr<wire> connection;
    std::int64_t id = 0;
    std::string password = std::string(16, '\0');
};

/// One of the servers, and all that was said with it.
struct side {
    explicit side(std::unique_ptr<server_under_test> s) : server(std::move(s)) {}

    std::unique_ptr<server_under_test> server;
    transcript text{};
    std::array<peer, 4> peers{};

    /// What comes of asking for the session of `p` in a new connection.
    std::optional<std::string> ask_for(peer& p, std::int32_t timeout, std::int64_t beyond = 0) {
        p.connection = server->connect();
        connect_request r;
        r.timeout_ms = timeout;
        r.session_id = p.id;
        r.password = p.password;
        r.last_zxid_seen = text.last_zxid() + beyond;
        p.connection->send(frame_of(r));
        return p.connection->next_frame();
    }

    std::string greet(std::size_t s, std::int32_t timeout, const std::string& name) {
        peer& p = peers[s];
        const auto answer = ask_for(p, timeout);
        if (!answer) return "refused";
        connect_response response;
        reader in(*answer);
        response.read(in);
        p.id = response.session_id;
        p.password = response.password;
        text.name_session(p.id, name);
        return text.handshake(*answer);
    }

    /// Asks for the session of `s` as nobody may. Whatever comes of that, the session has no connection then.
    said intrude(std::size_t s, bool with_password, std::int64_t beyond) {
        peer stranger;
        stranger.id = peers[s].id;
        if (with_password) stranger.password = peers[s].password;
        const auto answer = ask_for(stranger, 10'000, beyond);
        said out{answer ? text.handshake(*answer) : "refused"};
        if (answer) out.push_back(stranger.connection->next_frame() ? "and goes on" : "and is closed");
        peers[s].connection.reset();
        return out;
    }

    /// Sends all, and gives what comes up to the reply to the last, or to the end of the connection.
    said ask(std::size_t s, const std::vector<operation>& all) {
        server->pass_time();
        peer& p = peers[s];
        std::string bytes;
        for (const auto& o : all) {
            request_header header;
            header.xid = o.xid;
            header.type = to_wire(o.type);
            const auto at = begin_frame(bytes);
            writer w(bytes);
            header.write(w);
            bytes += o.body(text.last_zxid());
            end_frame(bytes, at);
        }
        p.connection->send(bytes);
        said out;
        for (std::size_t replies = 0; replies != all.size();) {
            const auto frame = p.connection->next_frame();
            if (!frame) {
                out.push_back("closed");
                p.connection.reset();
                return out;
            }
            reader in(*frame);
            const bool event = in.i32() == xid_event;
            out.push_back(text.frame(*frame, all[replies].type));
            if (!event) ++replies;
        }
        return out;
    }
};

class comparison {
public:
    explicit comparison(std::uint64_t seed)
        : seed_(seed), random_(seed), sides_{side(make_apache()), side(make_embedded(seed))} {}

    /// False where the two differ; it has been told then.
    bool run(std::size_t operations_wanted) {
        for (std::size_t s = 0; s != sides_[0].peers.size(); ++s) {
            if (!connect(s, 10'000)) return false;
        }
        while (done_ < operations_wanted) {
            const auto s = random_.below(sides_[0].peers.size());
            bool same = true;
            if (!sides_[0].peers[s].connection)
                same = resume(s);
            else if (random_.one_in(300))
                same = end_session(s);
            else if (random_.one_in(150))
                same = resume(s);
            else if (random_.one_in(400))
                same = intrude(s);
            else
                same = requests(s);
            if (!same || !others(s)) return false;
            if (done_ >= next_expiry_) {
                next_expiry_ += operations_wanted / 8;
                if (!expire(s)) return false;
            }
        }
        return true;
    }

private:
    bool connect(std::size_t s, std::int32_t timeout) {
        const std::string name = names_[s] = fmt::format("session{}", ++sessions_);
        note(fmt::format("session {}: connect as {}", s, name));
        for (auto& one : sides_) one.peers[s] = peer{};
        return same({sides_[0].greet(s, timeout, name)}, {sides_[1].greet(s, timeout, name)});
    }

    bool resume(std::size_t s) {
        note(fmt::format("session {}: resume", s));
        // Either the old connection is gone, or the new one takes the session from it.
        const bool gone = random_.one_in(2);
        std::array<said, 2> all;
        for (std::size_t i = 0; i != 2; ++i) {
            if (gone) sides_[i].peers[s].connection.reset();
            const auto old = std::move(sides_[i].peers[s].connection);
            all[i].push_back(sides_[i].greet(s, 10'000, names_[s]));
        }
        return same(all[0], all[1]);
    }

    /// A wrong password, or a transaction that has not happened yet.
    bool intrude(std::size_t s) {
        const bool of_the_future = random_.one_in(2);
        note(fmt::format("session {}: asked for {}", s, of_the_future ? "with a zxid of the future" : "with a wrong password"));
        const std::int64_t beyond = of_the_future ? 1'000'000 : 0;
        return same(sides_[0].intrude(s, of_the_future, beyond), sides_[1].intrude(s, of_the_future, beyond));
    }

    bool requests(std::size_t s) {
        std::vector<operation> all;
        for (auto n = 1 + random_.below(12); n > 0; --n) {
            auto o = random_.next();
            if (o.alone && !all.empty()) continue;
            // Apache's server checks what comes behind against the ACL before, unless this one has been applied meanwhile.
            const bool last = o.alone || o.type == opcode::set_acl;
            all.push_back(std::move(o));
            if (all.back().xid == 0) all.back().xid = ++xid_;
            note(fmt::format("session {}: xid={} {}", s, all.back().xid, all.back().text));
            if (last) break;
        }
        done_ += all.size();
        const auto apache = sides_[0].ask(s, all);
        const auto ours = sides_[1].ask(s, all);
        for (const auto& line : apache) learn(line);
        return same(apache, ours);
    }

    /// Sequential names are the server's choice.
    void learn(const std::string& line) {
        const auto at = line.find(" /t/");
        if (line.starts_with("reply") && at != std::string::npos && line.find("s-0") != std::string::npos)
            random_.learn(line.substr(at + 1, line.find_first_of(" )", at + 1) - at - 1));
    }

    /// Another one takes its place. None is left to expire by itself: that would happen at some time or other.
    bool end_session(std::size_t s, std::int32_t next_timeout = 10'000) {
        auto o = operations::close();
        o.xid = ++xid_;
        note(fmt::format("session {}: close", s));
        std::array<said, 2> all;
        for (std::size_t i = 0; i != 2; ++i) {
            all[i] = sides_[i].ask(s, {o});
            std::sort(all[i].begin(), all[i].end());    // the order in which ephemerals go is the server's affair
            sides_[i].peers[s].connection.reset();
        }
        sorted_ = true;
        // Beyond what servers grant, now and then.
        return same(all[0], all[1]) && others(s) &&
               connect(s, next_timeout == 10'000 && random_.one_in(3) ? 60'000 : next_timeout);
    }

    /// What the other sessions were told meanwhile.
    bool others(std::size_t but) {
        const bool sorted = std::exchange(sorted_, false);
        for (std::size_t s = 0; s != sides_[0].peers.size(); ++s) {
            if (s == but || !sides_[0].peers[s].connection) continue;
            std::array<said, 2> all;
            for (std::size_t i = 0; i != 2; ++i) {
                all[i] = sides_[i].ask(s, {operations::ping()});
                if (sorted) std::sort(all[i].begin(), all[i].end());
            }
            if (!same(all[0], all[1], fmt::format("session {} meanwhile", s))) return false;
        }
        return true;
    }

    /// A session is not heard of until its ephemeral goes.
    bool expire(std::size_t s) {
        if (!sides_[0].peers[s].connection && !resume(s)) return false;
        if (!end_session(s, 1'000)) return false;
        note(fmt::format("session {}: left to expire", s));
        create_request r;
        r.path = fmt::format("/expiring{}", ++sessions_);
        r.acls = {muster::zk::acl()};
        r.flags = 1;
        operation create;
        create.type = opcode::create;
        create.xid = ++xid_;
        create.body = [bytes = frame_of(r).substr(4)](std::int64_t) { return bytes; };
        if (!same(sides_[0].ask(s, {create}), sides_[1].ask(s, {create}))) return false;
        auto look = operations::exists(r.path);
        look.xid = ++xid_;
        std::array<said, 2> all;
        const auto observer = (s + 1) % sides_[0].peers.size();
        if (!sides_[0].peers[observer].connection && !resume(observer)) return false;
        for (std::size_t i = 0; i != 2; ++i) {
            for (;;) {
                const auto told = sides_[i].ask(observer, {look});
                all[i].insert(all[i].end(), told.begin(), told.end() - 1);
                if (told.back().find("err=-101") != std::string::npos) break;
            }
            const auto end = sides_[i].peers[s].connection->next_frame();
            all[i].push_back(end ? "something is said to the one that expired" : "closed");
        }
        for (auto& told : all) std::sort(told.begin(), told.end());
        sorted_ = true;
        return same(all[0], all[1]) && others(s) && connect(s, 10'000);
    }

    void note(std::string what) {
        static const std::size_t kept = setting("MUSTER_HISTORY", 60);    // lines that are told where the two differ
        history_.push_back(std::move(what));
        if (history_.size() > kept) history_.pop_front();
    }

    bool same(const said& apache, const said& ours, const std::string& who = "") {
        for (const auto& line : apache) note("    " + who + " " + line);
        if (apache == ours) return true;
        std::string story;
        for (const auto& line : history_) story += line + "\n";
        story += "-- instead of the last, the embedded server said:\n";
        for (const auto& line : ours) story += "    " + line + "\n";
        MESSAGE("they differ after " << done_ << " operations of seed " << seed_ << ":\n" << story);
        return false;
    }

    const std::uint64_t seed_;
    operations random_;
    std::array<side, 2> sides_;
    std::array<std::string, 4> names_{};
    std::deque<std::string> history_;
    std::size_t done_ = 0;
    std::size_t next_expiry_ = 1'000;
    std::size_t sessions_ = 0;
    std::int32_t xid_ = 0;
    bool sorted_ = false;    // the order of what comes next is not determined
};

}    // namespace

TEST_CASE("Apache's server and the embedded one cannot be told apart") {
    const auto seed = setting("MUSTER_SEED", 1);
    const auto count = setting("MUSTER_OPERATIONS", 50'000);
    MESSAGE("seed " << seed << ", " << count << " operations");
    comparison c(seed);
    CHECK(c.run(count));
}
