// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/cluster.hpp"

#include <boost/asio/ip/address_v4.hpp>

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t port = 2181;
constexpr auto clock_at_start = 5'000h;
constexpr auto wall_at_start = std::chrono::system_clock::time_point(480'000h);

}    // namespace

// Connections --------------------------------------------------------------------------------------------------------------

class cluster::session_sink final : public remote,
                                    public embedded::connection_sink,
                                    public std::enable_shared_from_this<cluster::session_sink> {
public:
    session_sink(cluster& owner, std::size_t server, std::shared_ptr<connection> c)
        : owner_(owner), server_(server), connection_(std::move(c)) {}

    /// False if the server closed it at once.
    bool open() {
        self_ = shared_from_this();
        const auto now = owner_.enter(&connection_->client());
        id_ = owner_.ensemble_.at(server_).open(*this, "10.1.0.1", now);
        owner_.leave();
        return self_ != nullptr;
    }

    void received(std::string_view bytes) override {
        if (!self_) return;
        const auto now = owner_.enter(&connection_->client());
        owner_.ensemble_.at(server_).received(id_, bytes, now);
        owner_.leave();
    }
    void gone() override {
        if (!self_) return;
        const auto now = owner_.enter(&connection_->client());
        owner_.ensemble_.at(server_).closed(id_, now);
        owner_.leave();
        end();
    }

    void send(std::string_view bytes) override { connection_->send(bytes); }
    void close() override {
        connection_->finish();
        end();
    }

private:
    // The server must not find it gone, nor what calls it.
    void end() {
        owner_.kernel_.after(0ns, [keep = std::move(self_)] {});
        self_ = nullptr;
    }

    cluster& owner_;
    const std::size_t server_;
    const std::shared_ptr<connection> connection_;
    embedded::server::connection_id id_ = 0;
    std::shared_ptr<session_sink> self_;    // while the server knows it
};

class cluster::host final : public acceptor {
public:
    host(cluster& owner, std::size_t number) : owner_(owner), number_(number) {}

    std::shared_ptr<remote> accept(const std::shared_ptr<connection>& c) override {
        auto s = std::make_shared<session_sink>(owner_, number_, c);
        return s->open() ? s : nullptr;
    }

    runtime::endpoint address() const {
        return {asio::ip::make_address_v4("10.0." + std::to_string(number_) + "." + std::to_string(1 + moves % 250)), port};
    }

    std::size_t moves = 0;
    bool up = true;
    bool isolated = false;
    std::uint64_t outage = 0;    // number of the last crash: a bring-up belongs to one

private:
    cluster& owner_;
    const std::size_t number_;
};

// Time and calls -----------------------------------------------------------------------------------------------------------

cluster::cluster(kernel& k, network& n, fault_counts& faults, std::size_t servers, embedded::settings s)
    : kernel_(k),
      network_(n),
      faults_(faults),
      read_only_mode_(s.read_only_mode),
      chance_(k.chance("cluster")),
      ensemble_(std::move(s), servers, chance_.bits(), now(), wall_at_start) {
    for (std::size_t i = 0; i != servers; ++i) {
        hosts_.push_back(std::make_unique<host>(*this, i));
        network_.listen(i, hosts_[i]->address(), hosts_[i].get());
        network_.set_name(name_of(i), {hosts_[i]->address().address()});
    }
    ensemble_.on_commit([this](const embedded::transaction& t) { history_.record(t); });
    enter(nullptr);
    leave();
}

cluster::~cluster() = default;

std::string cluster::connect_string() const {
    std::string out;
    for (std::size_t i = 0; i != size(); ++i) out += (i == 0 ? "" : ",") + name_of(i) + ":" + std::to_string(port);
    return out;
}

embedded::time_point cluster::now() const noexcept { return embedded::time_point(clock_at_start + kernel_.now()); }

/// Begins a call to the ensemble; it gives the time.
embedded::time_point cluster::enter(const process* cause) noexcept {
    cause_ = cause;
    return now();
}

/// Ends it: tells of changes, and sees that what is due later is done.
void cluster::leave() {
    const zk::zxid last = tree().last_zxid();
    if (last != seen_) {
        kernel_.note("zxid {:x} by {}", last, cause_ ? cause_->name() : "the ensemble");
        seen_ = last;
        if (on_change_) on_change_(cause_);
    }
    arm();
}

void cluster::arm() {
    const auto due = ensemble_.deadline();
    if (!due) return;
    const instant at = std::max(instant(due->time_since_epoch() - clock_at_start), kernel_.now());
    if (at >= armed_) return;
    armed_ = at;
    kernel_.at(at, [this, at] {
        if (at != armed_) return;    // an earlier one was armed behind it
        armed_ = instant::max();
        const auto t = enter(nullptr);
        ensemble_.tick(t);
        leave();
    });
}

std::size_t cluster::connections() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i != size(); ++i) n += ensemble_.at(i).connections();
    return n;
}

std::size_t cluster::watches() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i != size(); ++i) n += ensemble_.at(i).watch_count();
    return n;
}

std::optional<cluster::attachment> cluster::attached(zk::session_id id) const {
    std::optional<attachment> all;
    for (std::size_t i = 0; i != size(); ++i) {
        const auto& s = ensemble_.at(i);
        const auto paths = s.watched_paths(id);
        if (!paths) continue;
        if (!all) all.emplace(attachment{s.data().last_zxid(), 0});
        all->applied = std::min(all->applied, s.data().last_zxid());
        all->watched_paths += *paths;
    }
    return all;
}

// Faults -------------------------------------------------------------------------------------------------------------------

void cluster::crash(std::size_t i) {
    hosts_[i]->up = false;
    ++hosts_[i]->outage;
    network_.listen(i, hosts_[i]->address(), nullptr);
    const auto t = enter(nullptr);
    ensemble_.crash(i, t);
    leave();
    if (!ensemble_.leader()) elect_soon();
}

void cluster::bring_up(std::size_t i) {
    if (std::exchange(hosts_[i]->up, true)) return;
    kernel_.note("s{} is up", i);
    network_.listen(i, hosts_[i]->address(), hosts_[i].get());
    network_.set_name(name_of(i), {hosts_[i]->address().address()});
    const auto t = enter(nullptr);
    ensemble_.restart(i, t);
    leave();
    if (!ensemble_.leader()) elect_soon();
}

void cluster::restart(std::size_t i, instant down) {
    if (!hosts_[i]->up) return;
    faults_.count(fault::server_restart);
    kernel_.note("s{} is down", i);
    crash(i);
    kernel_.after(down, [this, i, outage = hosts_[i]->outage] {
        if (outage == hosts_[i]->outage) bring_up(i);
    });
}

void cluster::move(std::size_t i, instant down) {
    if (!hosts_[i]->up) return;
    faults_.count(fault::address_moves);
    kernel_.note("s{} moves", i);
    crash(i);
    ++hosts_[i]->moves;
    kernel_.after(down, [this, i, outage = hosts_[i]->outage] {
        if (outage == hosts_[i]->outage) bring_up(i);
    });
}

void cluster::lose_sessions(instant down) {
    if (!ensemble_.leader()) return;
    faults_.count(fault::session_loss);
    kernel_.note("all sessions are lost");
    for (std::size_t i = 0; i != size(); ++i) {
        const auto t = enter(nullptr);
        ensemble_.at(i).drop_connections(t);
        leave();
    }
    for (const auto id : sessions()) {
        ended_early_.insert(id);
        const auto t = enter(nullptr);
        ensemble_.expire_session(id, t);
        leave();
    }
    for (std::size_t i = 0; i != size(); ++i) {
        if (!hosts_[i]->up) continue;
        crash(i);
        kernel_.after(down, [this, i, outage = hosts_[i]->outage] {
            if (outage == hosts_[i]->outage) bring_up(i);
        });
    }
}

void cluster::drop_connections(std::size_t i) {
    if (!hosts_[i]->up) return;
    faults_.count(fault::connections_dropped);
    kernel_.note("s{} drops its connections", i);
    const auto t = enter(nullptr);
    ensemble_.at(i).drop_connections(t);
    leave();
}

void cluster::expire(zk::session_id id) {
    const auto t = enter(nullptr);
    ended_early_.insert(id);
    // While nobody leads, nothing decides that a session is over; that a single server can be told so is for tests of clients.
    if (ensemble_.leader() && ensemble_.expire_session(id, t)) {
        faults_.count(fault::session_expired);
        kernel_.note("session {:x} is ended", static_cast<std::uint64_t>(id));
    } else {
        ended_early_.erase(id);
    }
    leave();
}

void cluster::lag(std::size_t i, std::chrono::milliseconds by) {
    if (by.count() > 0) {
        if (hosts_[i]->up) faults_.count(fault::server_lags);
        kernel_.note("s{} lags by {} ms", i, by.count());
    }
    ensemble_.set_lag(i, by);
}

void cluster::isolate(std::size_t i, instant away) {
    const auto apart = std::count_if(hosts_.begin(), hosts_.end(), [](const auto& h) { return h->isolated || !h->up; });
    if (size() == 1 || apart != 0 || hosts_[i]->isolated) return;
    if (read_only_mode_) faults_.count(fault::read_only_minority);    // else it serves nothing
    kernel_.note("s{} is cut off the others", i);
    hosts_[i]->isolated = true;
    const auto t = enter(nullptr);
    ensemble_.isolate(i, true, t);
    leave();
    if (!ensemble_.leader()) elect_soon();
    kernel_.after(away, [this, i] {
        if (!std::exchange(hosts_[i]->isolated, false)) return;
        kernel_.note("s{} is back with the others", i);
        const auto at = enter(nullptr);
        ensemble_.isolate(i, false, at);
        leave();
        if (!ensemble_.leader()) elect_soon();
    });
}

// Leadership ---------------------------------------------------------------------------------------------------------------

void cluster::elect_soon() {
    kernel_.after(chance_.between(100ms, 2s), [this] {
        if (!ensemble_.leader() && !leaderless_) elect(false);
    });
}

bool cluster::elect(bool another) {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i != size(); ++i) {
        if (hosts_[i]->up && !hosts_[i]->isolated) candidates.push_back(i);
    }
    if (candidates.size() < majority()) return false;
    if (another) std::erase(candidates, ensemble_.leader().value_or(size()));
    if (candidates.empty()) return false;
    const auto who = chance_.pick(candidates);
    kernel_.note("s{} leads", who);
    const auto t = enter(nullptr);
    ensemble_.elect(who, t);
    leave();
    return true;
}

void cluster::change_leader() {
    if (!ensemble_.leader()) return;
    const bool another = size() > 1;    // who is alone begins a term of its own
    if (elect(another) && another) faults_.count(fault::leader_change);
}

void cluster::lose_quorum(instant away) {
    if (!ensemble_.leader()) return;
    faults_.count(fault::no_quorum);
    kernel_.note("nobody leads");
    leaderless_ = true;
    const auto t = enter(nullptr);
    ensemble_.elect(std::nullopt, t);
    leave();
    kernel_.after(away, [this] {
        leaderless_ = false;
        if (!ensemble_.leader()) elect(false);
    });
}

void cluster::heal() {
    leaderless_ = false;
    for (std::size_t i = 0; i != size(); ++i) {
        bring_up(i);
        lag(i, 0ms);
        if (!std::exchange(hosts_[i]->isolated, false)) continue;
        const auto t = enter(nullptr);
        ensemble_.isolate(i, false, t);
        leave();
    }
    if (!ensemble_.leader()) elect(false);
}

}    // namespace muster::sim
