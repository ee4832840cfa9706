// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Every asynchronous operation of the client, cancelled everywhere.
#include "cancel_everywhere.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

std::vector<operation> client_operations() {
    const auto a_node = [](scene& s) { s.registry.tree.put("/a", "x"); };
    const auto lose_reply = [](scene& s) { s.registry.lose_next(sim_registry::loss::after); };
    const auto goes_on = [](scene& s) {
        outcome<zk::get_result> got;
        s.client.get("/", got.handler());
        s.registry.serve();
        CHECK_FALSE(got.ec());
    };
    const auto whole = [goes_on](scene& s) {
        goes_on(s);
        CHECK((s.ec || s.find("/a") == "y"));
        CHECK((s.find("/a") == "absent") == (s.find("/b") == "absent"));
    };
    return {
        {"client.create", nothing, [](scene& s, auto slot, completion d) { s.client.create("/a", "y", {}, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "y"));
         }},
        {"client.multi", nothing,
         [](scene& s, auto slot, completion d) {
             s.client.multi(zk::transaction().create("/a", "y", zk::create_mode::ephemeral).create("/b", "y"), bind(slot, d));
         },
         whole},
        {"client.get", a_node, [](scene& s, auto slot, completion d) { s.client.get("/a", bind(slot, d)); }, goes_on},
        {"client.children", a_node, [](scene& s, auto slot, completion d) { s.client.children("/", bind(slot, d)); }, goes_on},
        {"client.exists_and_watch", nothing,
         [](scene& s, auto slot, completion d) { s.client.exists_and_watch("/a", bind(slot, d)); }, goes_on},
        {"client.add_watch", nothing,
         [](scene& s, auto slot, completion d) {
             s.client.add_watch("/a", zk::add_watch_mode::persistent_recursive, bind(slot, d));
         },
         goes_on},
        {"client.sync", nothing, [](scene& s, auto slot, completion d) { s.client.sync("/", bind(slot, d)); }, goes_on},
        {"client.create_protected", lose_reply,
         [](scene& s, auto slot, completion d) { s.client.create_protected("/a", "y", {}, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             const auto& nodes = s.registry.tree.nodes();
             const auto made =
                 std::count_if(nodes.begin(), nodes.end(), [](const auto& n) { return n.first.starts_with("/_c_"); });
             CHECK((s.ec ? made <= 1 : made == 1));
         }},
        {"client.set_guarded",
         [=](scene& s) {
             a_node(s);
             lose_reply(s);
         },
         [](scene& s, auto slot, completion d) { s.client.set_guarded("/a", "y", 0, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "y"));
         }},
        {"client.remove_guarded",
         [=](scene& s) {
             a_node(s);
             lose_reply(s);
         },
         [](scene& s, auto slot, completion d) { s.client.remove_guarded("/a", 0, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "absent"));
         }},
        {"client.set_acl_guarded",
         [=](scene& s) {
             a_node(s);
             s.registry.has_acls = true;
             lose_reply(s);
         },
         [](scene& s, auto slot, completion d) { s.client.set_acl_guarded("/a", {zk::acl()}, 0, bind(slot, d)); }, goes_on},
        {"client.session_change", [](scene& s) { s.client.start(); },
         [](scene& s, auto slot, completion d) { s.client.session_change(s.client.session().version, bind(slot, d)); }, goes_on},
        {"watcher.next",
         [a_node](scene& s) {
             a_node(s);
             outcome<zk::get_result, zk::watcher> got;
             s.client.get_and_watch("/a", got.handler());
             s.registry.serve();
             s.watcher = std::move(got.value<1>());
             s.registry.tree.set("/a", "z");
         },
         [](scene& s, auto slot, completion d) { s.watcher->next(bind(slot, d)); }, goes_on},
        {"client.close", [](scene& s) { s.client.start(); },
         [](scene& s, auto slot, completion d) { s.client.close(bind(slot, d)); },
         [](scene& s) { CHECK(s.client.session().state == zk::session_state::closed); }},
    };
}

/// Those whose outcome is one reply, or a word of the client's own.
std::vector<operation> simple_client_operations() {
    using slot = asio::cancellation_slot;
    const auto with = [](std::string name, std::function<void(zk::client&, slot, completion)> start) {
        const auto before = [](scene& s) {
            s.registry.tree.put("/a", "x");
            s.registry.has_acls = true;
        };
        const auto run = [start = std::move(start)](scene& s, slot c, completion d) { start(s.client, c, std::move(d)); };
        const auto goes_on = [](scene& s) {
            outcome<zk::get_result> got;
            s.client.get("/", got.handler());
            s.registry.serve();
            CHECK_FALSE(got.ec());
        };
        return operation{"client." + std::move(name), before, run, goes_on};
    };
    return {
        with("remove", [](zk::client& c, slot s, completion d) { c.remove("/a", 0, bind(s, d)); }),
        with("set", [](zk::client& c, slot s, completion d) { c.set("/a", "y", 0, bind(s, d)); }),
        with("exists", [](zk::client& c, slot s, completion d) { c.exists("/a", bind(s, d)); }),
        with("get_and_watch", [](zk::client& c, slot s, completion d) { c.get_and_watch("/a", bind(s, d)); }),
        with("children_and_watch", [](zk::client& c, slot s, completion d) { c.children_and_watch("/", bind(s, d)); }),
        with("multi_read", [](zk::client& c, slot s, completion d) { c.multi_read(zk::read_batch().get("/a"), bind(s, d)); }),
        with("check", [](zk::client& c, slot s, completion d) { c.check("/a", 0, bind(s, d)); }),
        with("ephemerals", [](zk::client& c, slot s, completion d) { c.ephemerals("/", bind(s, d)); }),
        with("all_children_number", [](zk::client& c, slot s, completion d) { c.all_children_number("/", bind(s, d)); }),
        with("get_acl", [](zk::client& c, slot s, completion d) { c.get_acl("/a", bind(s, d)); }),
        with("set_acl", [](zk::client& c, slot s, completion d) { c.set_acl("/a", {zk::acl()}, 0, bind(s, d)); }),
        with("add_auth", [](zk::client& c, slot s, completion d) { c.add_auth("digest", "bob:sesame", bind(s, d)); }),
        with("who_am_i", [](zk::client& c, slot s, completion d) { c.who_am_i(bind(s, d)); }),
        with("get_config", [](zk::client& c, slot s, completion d) { c.get_config(bind(s, d)); }),
        with("get_config_and_watch", [](zk::client& c, slot s, completion d) { c.get_config_and_watch(bind(s, d)); }),
        with("reconfig",
             [](zk::client& c, slot s, completion d) {
                 zk::reconfiguration change;
                 change.leaving = "2";
                 c.reconfig(std::move(change), bind(s, d));
             }),
        with("check_watches",
             [](zk::client& c, slot s, completion d) { c.check_watches("/a", zk::watch_type::any, bind(s, d)); }),
        with("remove_watches", [](zk::client& c, slot s, completion d) { c.remove_watches("/a", bind(s, d)); }),
        with("capacity", [](zk::client& c, slot s, completion d) { c.capacity(bind(s, d)); }),
        with("with_timeout.get", [](zk::client& c, slot s, completion d) { c.with_timeout(5s).get("/a", bind(s, d)); }),
        with("with_timeout.set", [](zk::client& c, slot s, completion d) { c.with_timeout(5s).set("/a", "y", 0, bind(s, d)); }),
    };
}

}    // namespace

TEST_SUITE_BEGIN("cancel everywhere");

TEST_CASE("client") { cancel_everywhere(client_operations()); }
TEST_CASE("client, what one reply decides") { cancel_everywhere(simple_client_operations()); }
