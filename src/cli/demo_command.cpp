// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The tour.
#include "cli/commands.hpp"
#include "cli/demo_instance.hpp"
#include "cli/demo_stage.hpp"
#include "cli/output.hpp"
#include "cli/values.hpp"

#include <muster/balancer.hpp>
#include <muster/embedded_server.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace muster::cli {
namespace {

using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::array<std::uint32_t, 3> weights{5, 3, 2};
constexpr std::size_t instances = weights.size();
constexpr std::uint16_t first_port = 7101;
constexpr std::size_t picks_shown = 20;
// Those of go-micro-service: the others differ from them under load only, or in which key goes where.
constexpr std::size_t policies_shown = 7;
constexpr runtime::duration patience = 20s;    // for what takes a second

/// What happened to those who picked while the master went.
struct handover {
    std::size_t heir = 0;
    runtime::duration gone{};       ///< Until the balancer knew that it is gone.
    runtime::duration elected{};    ///< Until it knew the next master.
    std::size_t picks = 0;
    std::size_t failed = 0;
    std::size_t dead_picked = 0;    ///< Picks of the one that is gone, before that was known.
    std::size_t gone_picked = 0;    ///< Picks of the one that is gone, after it was known to be.
};

class tour {
public:
    tour(environment& env, std::string zk, std::string service);

    asio::awaitable<int> run();
    /// Leaves somebody else's ZooKeeper as it was found, however the tour ended.
    asio::awaitable<int> clean_up();

private:
    asio::awaitable<void> register_all();
    asio::awaitable<void> pick_with_each_policy();
    asio::awaitable<void> kill_master();
    asio::awaitable<void> come_back(std::size_t i);
    asio::awaitable<void> leave_in_order();
    asio::awaitable<void> all_ended();
    asio::awaitable<void> remove_service();
    void line(std::string_view what, const std::string& value) { stage_.say(fmt::format("{:<36} {}", what, value)); }
    void sum_up();
    /// Servers far away may be configured to keep sessions for longer than was asked for.
    runtime::duration most_patience() const { return patience + 4 * env_.options.zk.session_timeout; }

    void start(std::size_t i);
    void show_roles();
    std::vector<std::size_t> pick(policy p);
    asio::awaitable<void> in_time(asio::awaitable<void> op, std::string complaint);
    asio::awaitable<void> all_seen();
    asio::awaitable<void> next_change();
    asio::awaitable<void> watch_handover(std::size_t old, runtime::time_point begin, handover& h);
    asio::awaitable<void> keep_picking(std::size_t old, handover& h);
    asio::awaitable<handover> hand_over(std::size_t old, int signal_number);
    void tell(const handover& h, std::size_t old, std::string_view how);
    std::optional<std::size_t> master() const;
    static std::size_t index_of(const instance& i) { return i.port - std::size_t{first_port}; }

    environment& env_;
    stage stage_;
    std::string zk_;
    std::string service_;
    zk::client client_;
    balancer lb_;
    picker picker_;
    change_stream changes_;
    std::array<role, instances> roles_{};    // as the balancer sees them
    std::array<std::unique_ptr<demo_instance>, instances> processes_;
    std::size_t killed_ = 0;
    handover crash_, order_;
    std::size_t picks_ = 0, failed_ = 0;
};

zk::config config_of(const environment& env, const std::string& zk) {
    zk::config c = env.options.zk;
    c.servers = zk::connect_string(zk);
    c.session_timeout = 10s;    // the balancer need not die quickly
    return c;
}

balancer_params params_of(const environment& env) {
    balancer_params p;
    p.prefix = env.options.prefix;
    p.pool = pool::all;
    p.wait = std::chrono::duration_cast<milliseconds>(patience);
    return p;
}

tour::tour(environment& env, std::string zk, std::string service)
    : env_(env),
      stage_(env),
      zk_(std::move(zk)),
      service_(std::move(service)),
      client_(env.io, config_of(env, zk_)),
      lb_(client_, params_of(env)),
      picker_(lb_.picker(service_).value()),
      changes_(lb_.changes(service_).value()) {}

std::optional<std::size_t> tour::master() const {
    const auto found = std::find(roles_.begin(), roles_.end(), role::master);
    if (found == roles_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - roles_.begin());
}

void tour::start(std::size_t i) {
    demo_instance_options o;
    o.zk = zk_;
    o.prefix = env_.options.prefix;
    o.service = service_;
    o.session_timeout = env_.options.zk.session_timeout;
    o.port = static_cast<std::uint16_t>(first_port + i);
    o.weight = weights[i];
    processes_[i] = std::make_unique<demo_instance>(env_, o);
}

/// Takes one change of the service in.
asio::awaitable<void> tour::next_change() {
    const change c = co_await changes_.next(asio::use_awaitable);
    if (c.path.empty() || c.what == change::kind::rejected) co_return;
    const std::size_t i = index_of(c.instance);
    if (i < instances) roles_[i] = c.what == change::kind::removed ? role::none : c.role;
}

/// Throws with the complaint if `op` takes too long.
asio::awaitable<void> tour::in_time(asio::awaitable<void> op, std::string complaint) {
    const bool done = co_await within(env_, patience, std::move(op));
    if (!done) throw std::runtime_error(complaint);
}

asio::awaitable<void> tour::all_seen() {
    while (std::count(roles_.begin(), roles_.end(), role::none) > 0) co_await next_change();
}

void tour::show_roles() {
    for (std::size_t i = 0; i < instances; ++i) {
        if (roles_[i] == role::none) continue;
        const std::string r = fmt::format("{:<6}", to_string(roles_[i]));
        stage_.say(fmt::format("{}  {}  {}  weight {}  {}", stage_.name(i), roles_[i] == role::master ? stage_.good(r) : r,
                               processes_[i]->address(), weights[i],
                               stage_.dim(fmt::format("process {}", processes_[i]->pid()))));
        stage_.fact({{"event", "instance"},
                     {"name", std::string(1, static_cast<char>('A' + i))},
                     {"address", processes_[i]->address()},
                     {"role", to_string(roles_[i])},
                     {"weight", weights[i]}});
    }
}

asio::awaitable<void> tour::register_all() {
    co_await stage_.scene(fmt::format("Three instances of '{}' register; the first becomes master", service_));
    const auto begin = env_.world.now();
    for (std::size_t i = 0; i < instances; ++i) {
        start(i);
        co_await in_time(processes_[i]->registered(),
                         fmt::format("the instance at {} did not register", processes_[i]->address()));
    }
    co_await in_time(all_seen(), "the balancer does not see all instances");
    show_roles();
    stage_.say(stage_.dim(fmt::format("Each is a process with a session of its own. All were there after {}.",
                                      in_words(env_.world.now() - begin))));
}

std::vector<std::size_t> tour::pick(policy p) {
    std::vector<std::size_t> who;
    std::vector<lease> open;    // so that leastconnect has something to count
    for (std::size_t i = 1; i <= picks_shown; ++i) {
        pick_options o;
        o.policy = p;
        if (p == policy::iphash) o.key = fmt::format("10.0.0.{}", i);
        if (p == policy::urlhash) o.key = fmt::format("/item/{}", i);
        ++picks_;
        open.push_back(lb_.try_pick(service_, o).value());
        who.push_back(index_of(*open.back()));
    }
    return who;
}

asio::awaitable<void> tour::pick_with_each_policy() {
    co_await stage_.scene("Twenty picks with each policy, in their order, among all three (pool all)");
    for (const policy p : all_policies().first(policies_shown)) {
        const auto who = pick(p);
        stage_.picks(to_string(p), who, instances);
        json::object counts;
        for (std::size_t i = 0; i < instances; ++i)
            counts[std::string(1, static_cast<char>('A' + i))] = std::count(who.begin(), who.end(), i);
        stage_.fact({{"event", "picks"}, {"policy", to_string(p)}, {"picks", who.size()}, {"counts", counts}});
    }
    const auto who = pick(policy::iphash);
    stage_.say(stage_.dim(fmt::format(
        "The hash policies have twenty keys here, and no memory: 10.0.0.1 is served by {}, 10.0.0.2 by {}, for every client.",
        static_cast<char>('A' + who[0]), static_cast<char>('A' + who[1]))));
    stage_.say(stage_.dim("The leases stay open meanwhile: leastconnect counts them, by weight."));
}

asio::awaitable<void> tour::watch_handover(std::size_t old, runtime::time_point begin, handover& h) {
    while (roles_[old] != role::none || !master()) {
        co_await next_change();
        if (roles_[old] == role::none && h.gone == runtime::duration{}) h.gone = env_.world.now() - begin;
    }
    h.elected = env_.world.now() - begin;
    h.heir = *master();
}

asio::awaitable<void> tour::keep_picking(std::size_t old, handover& h) {
    for (;;) {
        error_code ec;
        const lease l = picker_.try_pick(ec);
        ++h.picks;
        if (!l) ++h.failed;
        if (l && index_of(*l) == old) ++(h.gone == runtime::duration{} ? h.dead_picked : h.gone_picked);
        co_await pause(env_, 1ms);
    }
}

/// Sends a signal to the master and looks on, picking all the while, until there is another one.
asio::awaitable<handover> tour::hand_over(std::size_t old, int signal_number) {
    handover h;
    const auto begin = env_.world.now();
    processes_[old]->signal(signal_number);
    const auto first = co_await (keep_picking(old, h) || within(env_, most_patience(), watch_handover(old, begin, h)));
    if (!std::get<1>(first)) throw std::runtime_error("no other instance became master in time");
    picks_ += h.picks;
    failed_ += h.failed;
    co_return h;
}

void tour::tell(const handover& h, std::size_t old, std::string_view how) {
    line(fmt::format("{} is gone from the view after", static_cast<char>('A' + old)), in_words(h.gone));
    line(fmt::format("{} is master after", static_cast<char>('A' + h.heir)), stage_.good(in_words(h.elected)));
    line("picks meanwhile", fmt::format("{}, without an answer: {}", h.picks,
                                        h.failed == 0 ? stage_.good("0") : stage_.bad(std::to_string(h.failed))));
    line(fmt::format("picks of {} before that was known", static_cast<char>('A' + old)), std::to_string(h.dead_picked));
    line(fmt::format("picks of {} once it was known", static_cast<char>('A' + old)),
         h.gone_picked == 0 ? stage_.good("0") : stage_.bad(std::to_string(h.gone_picked)));
    stage_.fact({{"event", "handover"},
                 {"how", how},
                 {"from", std::string(1, static_cast<char>('A' + old))},
                 {"to", std::string(1, static_cast<char>('A' + h.heir))},
                 {"gone_ms", in_milliseconds(h.gone)},
                 {"elected_ms", in_milliseconds(h.elected)},
                 {"picks", h.picks},
                 {"failed", h.failed},
                 {"dead_picked", h.dead_picked},
                 {"gone_picked", h.gone_picked}});
}

asio::awaitable<void> tour::kill_master() {
    killed_ = master().value();
    const auto name = static_cast<char>('A' + killed_);
    co_await stage_.scene(fmt::format("The master {} is killed: SIGKILL, no goodbye", name));
    crash_ = co_await hand_over(killed_, SIGKILL);
    tell(crash_, killed_, "crash");
    stage_.say(stage_.dim(fmt::format("ZooKeeper misses a dead process when its session ends; {} was asked for here.",
                                      to_text(env_.options.zk.session_timeout))));
}

asio::awaitable<void> tour::come_back(std::size_t i) {
    co_await stage_.scene(fmt::format("{} comes back, and takes its place among the normals", static_cast<char>('A' + i)));
    start(i);
    co_await in_time(all_seen(), "the balancer does not see the instance that came back");
    show_roles();
}

asio::awaitable<void> tour::leave_in_order() {
    const std::size_t old = master().value();
    co_await stage_.scene(fmt::format("The master {} leaves in order: SIGTERM", static_cast<char>('A' + old)));
    order_ = co_await hand_over(old, SIGTERM);
    tell(order_, old, "order");
}

/// Instances that were killed are there until their sessions end.
asio::awaitable<void> tour::remove_service() {
    const std::string path = fmt::format("/{}/{}", env_.options.prefix, service_);
    for (;;) {
        const auto [ec] = co_await client_.remove(path, zk::any_version, asio::as_tuple(asio::use_awaitable));
        if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
        if (ec != zk::server_errc::not_empty) co_return;
        co_await pause(env_, 50ms);
    }
}

asio::awaitable<void> tour::all_ended() {
    for (auto& p : processes_) {
        if (p) co_await p->ended();
    }
}

asio::awaitable<int> tour::clean_up() {
    for (auto& p : processes_) {
        if (p) p->signal(SIGTERM);
    }
    // Not by blocking: the server that they take leave of may live in this thread.
    static_cast<void>(co_await within(env_, 5s, all_ended()));
    for (auto& p : processes_) p.reset();
    if (!env_.options.own_zookeeper && client_.session().state == zk::session_state::connected) {
        const bool removed = co_await within(env_, most_patience(), remove_service());
        if (!removed) diagnose(fmt::format("'/{}/{}' is left in ZooKeeper", env_.options.prefix, service_));
    }
    co_await leave(env_, client_);
    co_return exit_done;
}

void tour::sum_up() {
    line("fail-over after a crash", stage_.bold(in_words(crash_.elected)));
    line("fail-over in order", stage_.bold(in_words(order_.elected)));
    line("picks, without an answer", fmt::format("{}, {}", stage_.bold(std::to_string(picks_)),
                                                 failed_ == 0 ? stage_.good("0") : stage_.bad(std::to_string(failed_))));
    line("picks of a dead instance, unknowing", std::to_string(crash_.dead_picked + order_.dead_picked));
    stage_.fact({{"event", "done"},
                 {"crash_ms", in_milliseconds(crash_.elected)},
                 {"order_ms", in_milliseconds(order_.elected)},
                 {"picks", picks_},
                 {"failed", failed_}});
}

asio::awaitable<int> tour::run() {
    const milliseconds wait = 10s;
    const bool reached = co_await reach(env_, client_, wait);
    if (!reached) co_return exit_not_reached;
    const bool rooted = co_await has_chroot(client_);
    if (!rooted) {
        diagnose(no_chroot(env_.options));
        co_return exit_nothing_found;
    }
    co_await register_all();
    co_await pick_with_each_policy();
    co_await kill_master();
    co_await come_back(killed_);
    co_await leave_in_order();
    co_await stage_.scene("In short");
    sum_up();
    co_return exit_done;
}

}    // namespace

asio::awaitable<int> run_demo(environment& env) {
    asio::signal_set signals(env.io);
    heed(signals, {SIGINT, SIGTERM, SIGHUP});
    embedded_server server(env.io);
    std::string zk = env.options.zk.servers.to_string();
    std::string service = fmt::format("demo-{}", ::getpid());    // nobody else's
    if (env.options.own_zookeeper) {
        server.start();
        zk = server.connect_string();
        service = "demo";
    }
    const auto* whose = env.options.own_zookeeper ? "muster's embedded ZooKeeper serves" : "ZooKeeper is";
    if (!env.json) print_text(fmt::format("{} at {}.\n", whose, zk));
    int code = exit_failed;
    {
        tour t(env, zk, std::move(service));
        const auto first = co_await (guarded(t.run()) || next_signal(signals));
        if (first.index() == 0)
            code = std::get<0>(first);
        else
            code = 128 + std::get<1>(first);
        co_await (guarded(t.clean_up()) || next_signal(signals));
    }
    co_return code;
}

}    // namespace muster::cli
