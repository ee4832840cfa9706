// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/environment.hpp"

#include "zk/client_impl.hpp"

#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

environment::environment(std::uint64_t seed, std::size_t servers, const embedded::settings& s, recording events)
    : time(seed, events),
      network(time, faults),
      cluster(time, network, faults, servers, s),
      operations(time, faults),
      chance_(time.chance("environment")) {}

std::shared_ptr<process> environment::make_process(const std::string& name) {
    const bool skewed = chance_.percent(70);
    if (skewed) faults.count(fault::clock_skew);
    const auto offset = std::chrono::hours(chance_.number(1, 100'000));
    const std::int64_t rate = skewed ? chance_.number(-process::worst_rate, process::worst_rate) : 0;
    processes_.push_back(std::make_shared<process>(time, network, name, processes_.size(), offset, rate));
    return processes_.back();
}

void environment::kill(process& p) {
    time.note("{} is dead", p.name());
    p.die();
}

std::string environment::left_of(const std::shared_ptr<process>& p) const {
    // What is here and what the caller holds does not count.
    const auto holders = p.use_count() - 2;
    const auto uses = network.uses_of(*p);
    if (holders == 0 && uses == 0 && p->waits() == 0) return {};
    return fmt::format("{} has ended, and there are {} objects that hold it, {} timers, {} uses of the network", p->name(),
                       holders, p->waits(), uses);
}

void environment::expect_nothing_left(std::shared_ptr<process> p) {
    // The event that ends it may hold it, too.
    const instant wait = network.looks_up(*p) ? instant(1s) : instant(1us);
    time.after(wait, [this, weak = std::weak_ptr(p)] {
        const auto held = weak.lock();
        if (network.looks_up(*held)) return expect_nothing_left(held);
        const std::string left = left_of(held);
        if (!left.empty()) time.fail("{}", left);
    });
}

zk::client environment::make_client(const std::shared_ptr<process>& p) {
    zk::config c(cluster.connect_string());
    c.session_timeout = std::chrono::milliseconds(chance_.number(4'000, 10'000));
    c.backoff_min = 50ms;
    c.backoff_max = 2s;
    c.batch_reads = chance_.percent(80);
    c.close_timeout = std::chrono::milliseconds(chance_.percent(10) ? 0 : 3'000);
    c.read_only = chance_.percent(50);
    return zk::detail::make_client(time.executor(), std::move(c), p);
}

std::vector<environment::placed> environment::znodes_of(const std::string& service) const {
    std::vector<placed> out;
    const auto& tree = cluster.tree();
    const std::string path = layout->service_path(prefix, service);
    const auto* parent = tree.find(path);
    if (!parent) return out;
    for (const std::string& name : parent->children) {
        placed p;
        p.path = path + "/" + name;
        const auto* n = tree.find(p.path);
        if (n->data) p.data = *n->data;
        const zk::stat s = tree.stat_of(*n);
        p.role = layout->role_of(name);
        p.owner = s.ephemeral_owner;
        p.czxid = s.czxid;
        if (const auto parsed = layout->parse(path, name, p.data, s)) p.identity = parsed->identity;
        out.push_back(std::move(p));
    }
    return out;
}

}    // namespace muster::sim
