// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/watch_table.hpp"

#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;
using proto::watch_kind;

TEST_SUITE_BEGIN("watch_table");

namespace {

constexpr std::int32_t created = 1;
constexpr std::int32_t deleted = 2;
constexpr std::int32_t data_changed = 3;
constexpr std::int32_t children_changed = 4;

struct table {
    proto::watch_table t;
    journal log;

    std::shared_ptr<recorder> add(watch_kind kind, const std::string& path, const std::string& name) {
        auto s = std::make_shared<recorder>(log, name);
        t.add(kind, path, s);
        return s;
    }
    journal dispatch(std::int32_t type, const std::string& path) {
        t.dispatch(type, path, 7);
        return std::exchange(log, {});
    }
};

}    // namespace

TEST_CASE("R9: to be armed again, a lasting watch comes behind the one-shot ones of its path, as old as any of them may be") {
    // Servers before 3.9 let the one that is asked for last replace the other.
    for (const bool lasting_is_older : {false, true}) {
        CAPTURE(lasting_is_older);
        table w;
        w.add(watch_kind::data, "/a", "data");
        w.add(watch_kind::persistent, "/a", "lasting");
        const proto::unarmed_watches unarmed{{"/a", lasting_is_older ? watch_kind::persistent : watch_kind::data, 3}};
        const auto requests = w.t.rearm(10, 1000, unarmed);
        REQUIRE(requests.size() == 2);
        CHECK(parse_request(requests[0]).as<proto::set_watches_request>().data == lines({"/a"}));
        CHECK(parse_request(requests[1]).as<proto::set_watches2_request>().persistent == lines({"/a"}));
    }
}

TEST_CASE("which event fires which one-shot watch, once") {
    struct row {
        std::int32_t type;
        const char* name;
        bool data, exist, child;
    };
    for (const auto& r :
         {row{created, "created", true, true, false}, row{deleted, "deleted", true, true, true},
          row{data_changed, "data_changed", true, true, false}, row{children_changed, "children_changed", false, false, true}}) {
        table w;
        w.add(watch_kind::data, "/a", "data");
        w.add(watch_kind::exist, "/a", "exist");
        w.add(watch_kind::child, "/a", "child");
        journal expected;
        const auto line = " " + std::string(r.name) + " /a";
        if (r.data) expected.push_back("data" + line);
        if (r.exist) expected.push_back("exist" + line);
        if (r.child) expected.push_back("child" + line);
        CHECK(w.dispatch(r.type, "/b").empty());
        CHECK(w.dispatch(r.type, "/").empty());
        CHECK(w.dispatch(r.type, "/a/b").empty());
        CHECK(w.dispatch(r.type, "/a") == expected);
        CHECK(w.dispatch(r.type, "/a").empty());
    }
}

TEST_CASE("a persistent watch sees all of its znode and nothing of others, again and again") {
    table w;
    w.add(watch_kind::persistent, "/a", "p");
    for (int i = 0; i != 2; ++i) {
        CHECK(w.dispatch(created, "/a") == lines({"p created /a"}));
        CHECK(w.dispatch(children_changed, "/a") == lines({"p children_changed /a"}));
        CHECK(w.dispatch(data_changed, "/a") == lines({"p data_changed /a"}));
        CHECK(w.dispatch(deleted, "/a") == lines({"p deleted /a"}));
        CHECK(w.dispatch(created, "/a/b").empty());
        CHECK(w.dispatch(created, "/").empty());
    }
}

TEST_CASE("a recursive watch sees its znode and all below, but no changes of children") {
    table w;
    w.add(watch_kind::recursive, "/a", "r");
    w.add(watch_kind::recursive, "/", "root");
    CHECK(w.dispatch(created, "/a") == lines({"r created /a", "root created /a"}));
    CHECK(w.dispatch(deleted, "/a/b/c") == lines({"r deleted /a/b/c", "root deleted /a/b/c"}));
    CHECK(w.dispatch(data_changed, "/ab") == lines({"root data_changed /ab"}));
    CHECK(w.dispatch(data_changed, "/") == lines({"root data_changed /"}));
    w.add(watch_kind::child, "/a/b", "child");
    CHECK(w.dispatch(children_changed, "/a/b") == lines({"child children_changed /a/b"}));
    CHECK(w.dispatch(children_changed, "/a").empty());
}

TEST_CASE("R11: every subscriber gets an event exactly once") {
    table w;
    w.add(watch_kind::data, "/a", "one");
    w.add(watch_kind::data, "/a", "two");
    w.add(watch_kind::persistent, "/a", "three");
    w.add(watch_kind::recursive, "/a", "four");
    CHECK(w.dispatch(data_changed, "/a") ==
          lines({"one data_changed /a", "two data_changed /a", "three data_changed /a", "four data_changed /a"}));
    CHECK(w.dispatch(data_changed, "/a") == lines({"three data_changed /a", "four data_changed /a"}));
}

TEST_CASE("removing tells when the last one of its kind went") {
    table w;
    const auto a = w.add(watch_kind::persistent, "/a", "a");
    const auto b = w.add(watch_kind::persistent, "/a", "b");
    const auto c = w.add(watch_kind::data, "/a", "c");
    CHECK(!w.t.remove(watch_kind::recursive, "/a", a.get()));
    CHECK(!w.t.remove(watch_kind::persistent, "/b", a.get()));
    CHECK(!w.t.remove(watch_kind::persistent, "/a", a.get()));
    CHECK(w.dispatch(created, "/a") == lines({"c created /a", "b created /a"}));
    CHECK(w.t.remove(watch_kind::persistent, "/a", b.get()));
    CHECK(!w.t.remove(watch_kind::persistent, "/a", b.get()));
    CHECK(!w.t.remove(watch_kind::data, "/a", c.get()));    // it has fired
    CHECK(w.t.size() == 0);
    CHECK(!w.t.watched("/a"));
}

TEST_CASE("paths without watchers are forgotten") {
    table w;
    for (int i = 0; i != 100; ++i) {
        const auto path = "/" + std::to_string(i);
        w.add(watch_kind::data, path, "w");
        CHECK(w.dispatch(data_changed, path).size() == 1);
    }
    CHECK(w.t.size() == 0);
    CHECK(w.t.rearm(1, 1000).empty());
}

TEST_CASE("setWatches2 only where persistent watches need it") {
    table w;
    w.add(watch_kind::data, "/a", "a");
    auto requests = w.t.rearm(1, 1000);
    REQUIRE(requests.size() == 1);
    CHECK(parse_request(requests[0]).is(opcode::set_watches));
    w.add(watch_kind::recursive, "/a", "r");
    requests = w.t.rearm(1, 1000);
    REQUIRE(requests.size() == 1);
    CHECK(parse_request(requests[0]).is(opcode::set_watches2));
}

TEST_CASE("a path larger than a batch gets one of its own") {
    table w;
    w.add(watch_kind::data, "/" + std::string(500, 'x'), "a");
    w.add(watch_kind::data, "/b", "b");
    w.add(watch_kind::child, "/" + std::string(500, 'y'), "c");
    const auto requests = w.t.rearm(1, 100);
    CHECK(requests.size() == 3);
    for (const auto& r : requests) CHECK(parse_request(r).is(opcode::set_watches));
}

TEST_CASE("the end of one path is told to its watchers only") {
    table w;
    w.add(watch_kind::data, "/a", "one");
    w.add(watch_kind::recursive, "/a", "two");
    w.add(watch_kind::data, "/b", "other");
    w.t.end("/a", client_errc::watch_ended);
    w.t.end("/none", client_errc::watch_ended);
    const std::string ended = " ended: " + error_code(client_errc::watch_ended).message();
    CHECK(std::exchange(w.log, {}) == journal{"one" + ended, "two" + ended});
    CHECK(!w.t.watched("/a"));
    CHECK(!w.t.watched(watch_kind::recursive, "/a"));
    CHECK(w.t.watched(watch_kind::data, "/b"));
    CHECK(!w.t.watched(watch_kind::child, "/b"));
    CHECK(w.dispatch(data_changed, "/a/b").empty());
}

TEST_CASE("the end is told to everybody once") {
    table w;
    w.add(watch_kind::data, "/a", "a");
    w.add(watch_kind::recursive, "/a", "b");
    w.t.end(client_errc::closed);
    CHECK(w.log == journal{"a ended: " + closed, "b ended: " + closed});
    w.t.end(client_errc::closed);
    w.t.resync();
    w.t.dispatch(data_changed, "/a/x", 7);
    CHECK(w.log.size() == 2);
}

TEST_SUITE_END();
