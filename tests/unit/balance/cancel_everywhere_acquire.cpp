// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Who acquires something in the tree - a registration, the place of the master, a znode of one's own - and gives up while it
// does.
#include "cancel_everywhere.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

using loss = sim_registry::loss;

/// The tree has what was there before, and parents, which are for everybody.
void nothing_of_mine(scene& s) {
    for (const auto& [path, node] : s.registry.tree.nodes()) {
        CAPTURE(path);
        const bool parent = path.empty() || path == "/" || path == "/a" || path == "/micro-service" || path == "/micro-service/s";
        CHECK((parent || node.stat.ephemeral_owner == stranger));
    }
}

std::size_t mine(scene& s) {
    const auto& all = s.registry.tree.nodes();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& n) {
        return n.second.stat.ephemeral_owner != 0 && n.second.stat.ephemeral_owner != stranger;
    }));
}

std::vector<operation> registrations() {
    const auto start = [](scene& s, auto slot, completion d) { s.reg->start(bind(slot, d)); };
    const auto at_most_one = [](scene& s) { CHECK(mine(s) == 1); };    // registering goes on until it is closed
    std::vector<operation> all;
    for (const loss l : {loss::none, loss::before, loss::after}) {
        const std::string how = l == loss::none ? "" : l == loss::before ? ", request lost" : ", reply lost";
        all.push_back({"register" + how, [l](scene& s) { s.registry.lose_next(l); }, start, at_most_one, nothing_of_mine});
        all.push_back({"register beside a master" + how,
                       [l](scene& s) {
                           s.put_master("10.1.1.2");
                           s.registry.lose_next(l);
                       },
                       start, at_most_one, nothing_of_mine});
        all.push_back({"replace what a start before has left" + how,
                       [l](scene& s) {
                           s.put_master("10.1.1.1");
                           s.registry.lose_next(l);
                       },
                       start, at_most_one, nothing_of_mine});
        all.push_back({"become master" + how,
                       [](scene& s) {
                           s.put_master("10.1.1.2");
                           s.register_now();
                       },
                       [l](scene& s, auto slot, completion d) {
                           s.registry.lose_next(l);
                           s.reg->status_change(s.reg->status().version, bind(slot, d));
                           s.registry.tree.end_session(stranger);
                       },
                       at_most_one, nothing_of_mine});
    }
    return all;
}

/// The same, but that it is the registrar that is given up, at each of the moments.
std::vector<operation> closings() {
    std::vector<operation> all;
    for (const loss l : {loss::none, loss::before, loss::after}) {
        for (const bool beside : {false, true}) {
            all.push_back({"close while registering",
                           [=](scene& s) {
                               if (beside) s.put_master("10.1.1.2");
                               s.registry.lose_next(l);
                           },
                           [](scene& s, auto slot, completion d) {
                               s.reg->start(bind(slot, [&s, d](error_code ec) {
                                   if (ec == asio::error::operation_aborted) s.reg->close([](error_code) {});
                                   d(ec);
                               }));
                           },
                           [](scene& s) { CHECK((!aborted(s) || mine(s) == 0)); }, nothing_of_mine});
        }
    }
    return all;
}

std::vector<operation> creations() {
    std::vector<operation> all;
    for (const loss l : {loss::none, loss::before, loss::after}) {
        for (const auto mode : {zk::create_mode::ephemeral, zk::create_mode::ephemeral_sequential}) {
            all.push_back(
                {"create_protected",
                 [=](scene& s) {
                     s.registry.tree.put("/a", "");
                     s.registry.lose_next(l);
                 },
                 [=](scene& s, auto slot, completion d) { s.client.create_protected("/a/n-", "", mode, bind(slot, d)); },
                 [](scene& s) { CHECK((s.ec ? mine(s) <= 1 : mine(s) == 1)); }, nothing_of_mine});
        }
    }
    return all;
}

}    // namespace

TEST_SUITE_BEGIN("cancel everywhere");

TEST_CASE("R15: who stops waiting for a registration or an election leaves nothing once it is closed") {
    cancel_everywhere(registrations());
}

TEST_CASE("R15: a registrar that is closed at any moment of its start leaves nothing") { cancel_everywhere(closings()); }

TEST_CASE("R15: a protected create that is given up makes one ephemeral at most, which ends with the session") {
    cancel_everywhere(creations());
}
