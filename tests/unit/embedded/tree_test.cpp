// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace muster::embedded;
namespace zk = muster::zk;

namespace {

change creation(std::string path, std::int32_t nth, std::int64_t owner = 0, std::string data = "") {
    change c;
    c.what = change::kind::create;
    c.path = std::move(path);
    c.data = std::make_shared<const std::string>(std::move(data));
    c.acls = std::make_shared<acl_list>(std::vector<zk::acl>(1));
    c.owner = owner;
    c.version = nth;
    return c;
}

change other(change::kind what, std::string path, std::int32_t version = 0) {
    change c;
    c.what = what;
    c.path = std::move(path);
    c.version = version;
    return c;
}

std::vector<std::string> contents(const tree& t) {
    std::vector<std::string> all;
    t.for_each([&](const std::string& path, const znode& n) {
        const auto s = t.stat_of(n);
        std::string line = path;
        for (const std::int64_t v :
             {s.czxid, s.mzxid, s.pzxid, s.ctime, s.mtime, std::int64_t{s.version}, std::int64_t{s.cversion},
              std::int64_t{s.aversion}, s.ephemeral_owner, std::int64_t{s.num_children}, n.owner})
            line += ' ' + std::to_string(v);
        line += n.data ? " \"" + *n.data + '"' : " null";
        for (const auto& a : n.acls->all()) line += ' ' + a.id;
        all.push_back(line);
    });
    std::sort(all.begin(), all.end());
    all.push_back(std::to_string(t.data_size()) + ' ' + std::to_string(t.containers().size()) + ' ' +
                  std::to_string(t.ttls().size()) + ' ' + std::to_string(t.ephemeral_count()));
    return all;
}

}    // namespace

TEST_CASE("a new tree is that of a new Apache server") {
    const tree t;
    CHECK(t.size() == 4);
    CHECK(t.data_size() == 44);
    CHECK(t.find("") == t.find("/"));
    CHECK(t.stat_of(*t.find("/")).cversion == -1);
    CHECK(t.stat_of(*t.find("/zookeeper")).cversion == -2);
    CHECK(t.stat_of(*t.find("/zookeeper/config")).aversion == -1);
    CHECK(t.find("/zookeeper/config")->acls->all().front() == zk::acl(1, "world", "anyone"));
    CHECK(t.find("/zookeeper/quota")->acls->all().front() == zk::acl(31, "world", "anyone"));
    CHECK(t.find("/zookeeper/quota")->data);
    CHECK(t.find("/zookeeper/") == nullptr);
}

TEST_CASE("stats count as clients see it") {
    tree t;
    t.apply(creation("/a", 1, 0, "xyz"), 7, 1000);
    t.apply(creation("/a/b", 1), 8, 2000);
    t.apply(creation("/a/c", 2), 9, 2000);
    t.apply(other(change::kind::erase, "/a/b"), 10, 3000);
    const auto s = t.stat_of(*t.find("/a"));
    CHECK(s.czxid == 7);
    CHECK(s.mzxid == 7);
    CHECK(s.pzxid == 10);
    CHECK(s.ctime == 1000);
    CHECK(s.cversion == 3);
    CHECK(s.num_children == 1);
    CHECK(s.data_length == 3);
    CHECK(s.ephemeral_owner == 0);
}

TEST_CASE("owners mean sessions, containers and times to live") {
    tree plain;
    tree extended(true);
    CHECK(plain.kind_of(0) == owner_kind::none);
    CHECK(plain.kind_of(container_owner) == owner_kind::container);
    CHECK(plain.kind_of(ttl_owner(5)) == owner_kind::session);
    CHECK(extended.kind_of(ttl_owner(5)) == owner_kind::ttl);
    CHECK(extended.kind_of(0x0100) == owner_kind::session);

    extended.apply(creation("/c", 2, container_owner), 1, 0);
    extended.apply(creation("/t", 3, ttl_owner(9)), 2, 0);
    extended.apply(creation("/e", 4, 77), 3, 0);
    CHECK(extended.stat_of(*extended.find("/c")).ephemeral_owner == 0);
    CHECK(extended.stat_of(*extended.find("/t")).ephemeral_owner == 0);
    CHECK(extended.stat_of(*extended.find("/e")).ephemeral_owner == 77);
    CHECK(extended.containers().contains("/c"));
    CHECK(extended.ttls().contains("/t"));
    CHECK(extended.ephemerals_of(77) == std::vector<std::string>{"/e"});
}

TEST_CASE("every change can be reverted") {
    tree t(true);
    t.apply(creation("/a", 1, 0, "old"), 1, 10);
    t.apply(creation("/a/e", 1, 5, "mine"), 2, 20);
    t.apply(creation("/a/c", 2, container_owner), 3, 30);
    const auto before = contents(t);

    change set = other(change::kind::set_data, "/a", 1);
    set.data = std::make_shared<const std::string>("longer than before");
    change set_acl = other(change::kind::set_acl, "/a", 1);
    set_acl.acls = std::make_shared<acl_list>(std::vector<zk::acl>(1, zk::acl(1, "digest", "u:x")));
    change null_data = other(change::kind::set_data, "/a/e", 1);
    const change changes[] = {set,
                              set_acl,
                              null_data,
                              other(change::kind::erase, "/a/e"),
                              other(change::kind::erase, "/a/c"),
                              creation("/a/e", 3),
                              creation("/a/e/below", 1, 5),
                              other(change::kind::erase, "/a/e/below"),
                              other(change::kind::erase, "/a/e"),
                              creation("/a/t", 4, ttl_owner(3))};
    for (std::size_t n = 1; n <= std::size(changes); ++n) {
        std::vector<tree::undo> undo(n);
        for (std::size_t i = 0; i < n; ++i) t.apply(changes[i], 50, 60, &undo[i]);
        CHECK(contents(t) != before);
        for (std::size_t i = n; i-- > 0;) t.revert(std::move(undo[i]));
        CHECK(contents(t) == before);
    }
}

TEST_CASE("ephemerals are listed by Java's buckets, then as they came, whatever was reverted") {
    tree t;
    t.apply(creation("/q", 1, 5), 1, 0);    // of the same bucket as /a
    t.apply(creation("/a", 2, 5), 2, 0);
    t.apply(creation("/b", 3, 5), 3, 0);
    const std::vector<std::string> order{"/q", "/a", "/b"};
    CHECK(t.ephemerals_of(5) == order);
    tree::undo undo;
    t.apply(other(change::kind::erase, "/q"), 4, 0, &undo);
    CHECK(t.ephemerals_of(5) == std::vector<std::string>{"/a", "/b"});
    t.revert(std::move(undo));
    CHECK(t.ephemerals_of(5) == order);
}

TEST_CASE("descendants are counted as Apache's server counts them") {
    tree t;
    t.apply(creation("/a", 1), 1, 0);
    t.apply(creation("/a/b", 1), 2, 0);
    t.apply(creation("/a/b/c", 1), 3, 0);
    t.apply(creation("/ab", 2), 4, 0);
    CHECK(t.count_below("/a") == 2);
    CHECK(t.count_below("/a/b") == 1);
    CHECK(t.count_below("/a/b/c") == 0);
    CHECK(t.count_below("/") == 7);
    CHECK(t.count_below("") == 8);
}

TEST_CASE("a copy is independent of its original") {
    tree t;
    t.apply(creation("/a", 1), 1, 0);
    tree copy(t);
    copy.apply(creation("/b", 2), 2, 0);
    CHECK(copy.find("")->children.contains("b"));
    CHECK(t.find("/b") == nullptr);
    CHECK_FALSE(t.find("")->children.contains("b"));
    t = copy;
    CHECK(t.find("")->children.contains("b"));
}
