// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/cast.hpp"

#include <algorithm>
#include <utility>

namespace muster::sim {

namespace {

std::vector<std::string> some_services(random chance) {
    std::vector<std::string> out;
    const auto n = chance.number(1, 3);
    for (std::int64_t i = 0; i != n; ++i) out.push_back("service" + std::to_string(i));
    return out;
}

}    // namespace

cast::cast(environment& env) : services(some_services(env.time.chance("services"))), foreigner(env, "stranger", services) {
    random chance = env.time.chance("cast");
    for (const auto& s : services) {
        const auto n = chance.number(1, 4);
        for (std::int64_t i = 0; i != n; ++i) members.emplace_back(env, s, static_cast<std::size_t>(i));
    }
    if (chance.percent(60)) {
        std::vector<member*> shared;
        for (const auto& s : services) {
            const auto m = std::find_if(members.begin(), members.end(), [&s](const member& x) { return x.service() == s; });
            shared.push_back(&*m);
        }
        sharing_.push_back(shared);
        households.emplace_back(env, "household", std::move(shared));
    }
    observers.emplace_back(env, "observer0", services);
    if (chance.percent(40)) observers.emplace_back(env, "observer1", services);
    workers.emplace_back(env, "worker0");
    if (chance.percent(40)) workers.emplace_back(env, "worker1");
    std::vector<std::string> paths;
    for (const auto& w : workers) {
        const auto some = w.paths();
        paths.insert(paths.end(), some.begin(), some.end());
        paths.push_back(w.base());
    }
    onlookers.emplace_back(env, "onlooker0", paths);
    if (chance.percent(40)) onlookers.emplace_back(env, "onlooker1", paths);
}

bool cast::shares(const member& m) const {
    return std::any_of(sharing_.begin(), sharing_.end(),
                       [&m](const auto& s) { return std::find(s.begin(), s.end(), &m) != s.end(); });
}

void cast::start_all() {
    foreigner.start();
    revive();
}

void cast::revive() {
    for (auto& h : households) {
        h.tend();
        h.start();
    }
    for (auto& m : members) {
        if (m.absent() && !shares(m)) m.start();
    }
    for (auto& o : observers) o.start();
    for (auto& w : workers) w.start();
    for (auto& o : onlookers) o.start();
}

void cast::stop_all() {
    for (auto& m : members) {
        if (!shares(m)) m.stop();
    }
    for (auto& h : households) h.stop();
    for (auto& o : observers) o.stop();
    for (auto& w : workers) w.stop();
    for (auto& o : onlookers) o.stop();
    foreigner.stop();
}

bool cast::all_absent() const {
    const auto absent = [](const auto& all) {
        return std::all_of(all.begin(), all.end(), [](const auto& x) { return x.absent(); });
    };
    return absent(members) && absent(households) && absent(observers) && absent(workers) && absent(onlookers) &&
           foreigner.absent();
}

void cast::stir(random& chance) {
    member& m = members[chance.below(members.size())];
    switch (chance.below(6)) {
        case 0:
            m.stop();
            break;
        case 1:
            if (!households.empty() && chance.percent(30)) households.front().stop();
            break;
        case 2:
            if (chance.percent(30)) chance.pick(observers).stop();
            break;
        case 3:
            if (chance.percent(30)) chance.pick(workers).stop();
            break;
        default:
            m.update();
            break;
    }
}

void cast::act(bool turmoil) {
    for (auto& o : observers) o.act();
    if (turmoil) {
        for (auto& w : workers) w.act();
    }
    for (auto& o : onlookers) o.act();
    for (auto& h : households) h.tend();
}

void cast::settle() {
    for (auto& o : observers) {
        o.resume();
        o.give_back();
    }
    for (auto& o : onlookers) o.resume();
    for (auto& w : workers) w.settle();
    foreigner.tidy();
}

std::vector<std::shared_ptr<process>> cast::homes() const {
    std::vector<std::shared_ptr<process>> out;
    for (const auto& h : households) {
        if (!h.absent()) out.push_back(h.home());
    }
    const auto add = [&out](const auto& all) {
        for (const auto& x : all) {
            if (!x.absent()) out.push_back(x.home());
        }
    };
    add(observers);
    add(workers);
    add(onlookers);
    for (const auto& m : members) {
        if (!m.absent() && !m.on_shared_session()) out.push_back(m.home());
    }
    if (!foreigner.absent()) out.push_back(foreigner.home());
    return out;
}

std::vector<cast::party> cast::parties() const {
    std::vector<party> out;
    for (const auto& h : households) {
        if (!h.absent()) out.push_back({h.name(), &h.session()->client, h.watched_paths()});
    }
    const auto add = [&out](const auto& x) {
        if (x.client()) out.push_back({x.name(), x.client(), x.watched_paths()});
    };
    const auto add_all = [&add](const auto& all) { std::for_each(all.begin(), all.end(), add); };
    add_all(observers);
    add_all(workers);
    add_all(onlookers);
    for (const auto& m : members) {
        if (!m.on_shared_session()) add(m);
    }
    add(foreigner);
    return out;
}

bool cast::is_shared(zk::session_id session) const {
    return std::any_of(households.begin(), households.end(),
                       [session](const household& h) { return !h.absent() && h.session()->client.session().id == session; });
}

bool cast::is_member(const std::string& identity) const {
    return std::any_of(members.begin(), members.end(),
                       [&identity](const member& m) { return m.published().identity() == identity; });
}

void cast::crash_one(random& chance) {
    // Who is closing goes on to its end also where its handle is destroyed, which takes a clock; the dead have none.
    std::vector<std::function<void()>> ways;
    const auto add = [&ways](auto& all) {
        for (auto& x : all) {
            if (x.running()) ways.emplace_back([&x] { x.crash(); });
        }
    };
    add(households);
    add(observers);
    add(workers);
    add(onlookers);
    for (auto& m : members) {
        if (m.running() && !m.on_shared_session()) ways.emplace_back([&m] { m.crash(); });
    }
    if (!ways.empty()) chance.pick(ways)();
}

}    // namespace muster::sim
