// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Three `muster register` processes; the master dies, or leaves, while a balancer picks all the while.
#include <muster/balancer.hpp>

#include "integration/muster_command.hpp"
#include "support/eventually.hpp"
#include "support/median.hpp"
#include "support/sanitized.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace zk = muster::zk;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr auto session_timeout = 2s;

double ms(clock_type::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// A context with a thread of its own.
struct background {
    background() : thread([this] { io.run(); }) {}
    ~background() {
        io.stop();
        thread.join();
    }
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread;
};

struct member {
    std::unique_ptr<process> p;
    std::string identity;
    std::string path;
    std::string role;
};

std::vector<member> register_three(const std::string& service) {
    std::vector<member> all;
    for (int port = 50001; port <= 50003; ++port) {
        member m;
        m.identity = "127.0.0.1:" + std::to_string(port);
        m.p = start_muster({"register", "--zk", shared_server().connect_string(), "--service", service, "--ip", "127.0.0.1",
                            "--port", std::to_string(port), "--session-timeout", "2s"});
        const auto e = wait_event(*m.p, "registered");
        m.path = e.at("path").as_string().c_str();
        m.role = e.at("role").as_string().c_str();
        all.push_back(std::move(m));
    }
    return all;
}

/// Picks all the while, some ten thousand times a second, over all policies, on a thread of its own, and counts what must not
/// be. What is measured meanwhile needs the processors, too: so it does not pick without pause.
class poller {
public:
    poller(muster::balancer& lb, std::string service) : lb_(lb), service_(std::move(service)), thread_([this] { poll(); }) {}
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    ~poller() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        stopped_.notify_one();
        thread_.join();
    }

    /// From now on nobody must get this one.
    void forbid(const std::string& identity) {
        const std::lock_guard lock(mutex_);
        forbidden_ = identity;
    }

    std::atomic<std::uint64_t> picks{0}, failed{0}, dead{0};

private:
    void poll() {
        const auto policies = muster::all_policies();
        std::unique_lock lock(mutex_);
        for (std::size_t i = 0; !stopped_.wait_for(lock, 100us, [this] { return stop_; }); ++i) {
            muster::pick_options o;
            o.policy = policies[i % policies.size()];
            o.pool = muster::pool::all;
            o.key = std::to_string(i);
            const auto l = lb_.try_pick(service_, o);
            ++picks;
            if (!l)
                ++failed;
            else if ((*l)->identity() == forbidden_)
                ++dead;
        }
    }

    muster::balancer& lb_;
    const std::string service_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    std::string forbidden_;
    bool stop_ = false;
    std::thread thread_;
};

/// The data of a znode, if it exists.
std::optional<std::string> read(zk::client& c, const std::string& path) {
    try {
        return c.get(path, asio::use_future).get().data;
    } catch (const boost::system::system_error& e) {
        if (e.code() != zk::server_errc::no_node) throw;
        return std::nullopt;
    }
}

struct measured {
    clock_type::duration gone{}, elected{};
    clock_type::time_point gone_at{};
    std::string successor;    // its data
};

/// Sends `signal` to the master; measures until its znode is gone, and until another one stands.
measured lose_master(zk::client& observer, member& master, int signal, poller& p) {
    const auto begin = clock_type::now();
    master.p->signal(signal);
    measured m;
    REQUIRE(eventually(
        [&] {
            const auto data = read(observer, master.path);
            const bool another = data && data->find(master.identity.substr(10)) == std::string::npos;
            if (m.gone_at == clock_type::time_point{} && (!data || another)) m.gone_at = clock_type::now();
            if (another) m.successor = *data;
            return another;
        },
        10s));
    m.elected = clock_type::now() - begin;
    m.gone = m.gone_at - begin;
    CHECK(p.failed == 0);
    return m;
}

/// Whose data that is: the next in rank, or the one behind it where this machine lets the next one wait for too long.
member& who_is(std::vector<member>& members, const std::string& data) {
    for (member& m : members) {
        if (data.find(m.identity.substr(10)) != std::string::npos) return m;
    }
    throw std::runtime_error("nobody registered " + data);
}

/// The view follows a znode's end by the time of a notification; from then on the dead one must not be picked.
void wait_until_unseen(muster::balancer& lb, const std::string& service, const std::string& identity) {
    REQUIRE(eventually([&] {
        for (const auto& i : lb.view(service).value().instances) {
            if (i.instance.identity() == identity) return false;
        }
        return true;
    }));
}

/// Three instances of a service, one who reads their znodes, and a balancer that knows all three.
struct scene {
    explicit scene(const std::string& service)
        : members(register_three(service)),
          observer(watching.io, shared_server().connect_string()),
          lb(b.io, shared_server().connect_string()) {
        REQUIRE(lb.pick(service, {}, asio::use_future).get());
        REQUIRE(eventually([&] { return lb.view(service).value().instances.size() == 3; }));
    }
    void close() {
        lb.close(asio::use_future).get();
        observer.close(asio::use_future).get();
    }

    std::vector<member> members;
    background b;
    // Of its own: with sanitizers, the tables of all policies take the balancer's thread longer than what is measured.
    background watching;
    zk::client observer;
    muster::balancer lb;
};

}    // namespace

TEST_CASE("the master is killed: another one is master at most 1 s after the session timeout, and no pick fails") {
    const std::string service = "killed";
    scene s(service);
    auto& [members, b, watching, observer, lb] = s;
    REQUIRE(members[0].role == "master");
    {
        poller p(lb, service);
        const measured m = lose_master(observer, members[0], SIGKILL, p);
        wait_until_unseen(lb, service, members[0].identity);
        const auto noticed = clock_type::now() - m.gone_at;
        p.forbid(members[0].identity);
        const auto before = p.picks.load();
        CHECK(eventually([&] { return p.picks >= before + 2'000; }));
        MESSAGE("SIGKILL: znode gone after " << ms(m.gone) << " ms, another is master after " << ms(m.elected)
                                             << " ms, the balancer knows " << ms(noticed) << " ms after the znode went; "
                                             << p.picks.load() << " picks");
        CHECK(m.elected <= session_timeout + 1s);
        CHECK(noticed < 1s);
        CHECK(p.picks > 2'000);
        CHECK(p.failed == 0);
        CHECK(p.dead == 0);
        CHECK(wait_event(*who_is(members, m.successor).p, "role").at("role").as_string() == "master");
    }
    s.close();
}

TEST_CASE("the master leaves in order: another one is master in under 100 ms, again and again") {
    std::vector<clock_type::duration> elected, noticed;
    for (const std::string service : {"left", "left-again", "left-once-more"}) {
        scene s(service);
        auto& [members, b, watching, observer, lb] = s;
        {
            poller p(lb, service);
            for (std::size_t i = 0; i + 1 < members.size(); ++i) {
                // The last promotion is told to us through the process; its znode's name is known.
                if (i > 0) CHECK(wait_event(*members[i].p, "role").at("role").as_string() == "master");
                members[i].path = "/micro-service/" + service + "/master";
                const measured m = lose_master(observer, members[i], SIGTERM, p);
                wait_until_unseen(lb, service, members[i].identity);
                noticed.push_back(clock_type::now() - m.gone_at);
                elected.push_back(m.elected);
                std::swap(members[i + 1], who_is(members, m.successor));
                p.forbid(members[i].identity);
                MESSAGE("SIGTERM: znode gone after " << ms(m.gone) << " ms, another is master after " << ms(m.elected)
                                                     << " ms, the balancer knows " << ms(noticed.back())
                                                     << " ms after the znode went");
                CHECK(m.elected < 1s);
                const auto r = finish(*members[i].p);
                CHECK(r.code == 0);
                CHECK(r.out.back() == R"({"event":"closed"})");
                const auto before = p.picks.load();
                CHECK(eventually([&] { return p.picks >= before + 1'000; }));
            }
            CHECK(p.failed == 0);
            CHECK(p.dead == 0);
        }
        s.close();
    }
    // With sanitizers the view waits for tables that are being built.
    CHECK(median(elected) < (sanitized ? 1s : 100ms));
    CHECK(median(noticed) < (sanitized ? 1s : 100ms));
}
