// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/tree.hpp"

#include "embedded/java_strings.hpp"
#include "proto_zk/path.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster::embedded {
namespace {

acl_ptr anyone(zk::permission p) {
    return std::make_shared<acl_list>(std::vector<zk::acl>(1, zk::acl(static_cast<std::int32_t>(p), "world", "anyone")));
}

// Counters wrap, as Java's do.
std::int32_t wrapping(std::int64_t v) noexcept { return static_cast<std::int32_t>(static_cast<std::uint32_t>(v)); }

}    // namespace

tree::tree(bool extended_types) : extended_types_(extended_types) {
    const auto all = anyone(zk::permission::all);
    const auto empty = std::make_shared<const std::string>();
    for (const char* path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
        znode& n = nodes_[path];
        n.data = empty;
        n.acls = all;
        data_size_ += std::string_view(path).size();
    }
    root_ = &nodes_.find("/")->second;
    root_->children.insert("zookeeper");
    nodes_.find("/zookeeper")->second.children = {"config", "quota"};
    // Set by a transaction -1, and read-only: the configuration of the ensemble is nobody's to write.
    znode& config = nodes_.find("/zookeeper/config")->second;
    config.acls = anyone(zk::permission::read);
    config.aversion = -1;
}

tree::tree(const tree& other)
    : nodes_(other.nodes_),
      root_(&nodes_.find("/")->second),
      ephemerals_(other.ephemerals_),
      containers_(other.containers_),
      ttls_(other.ttls_),
      data_size_(other.data_size_),
      last_zxid_(other.last_zxid_),
      extended_types_(other.extended_types_) {}

tree& tree::operator=(const tree& other) {
    if (this == &other) return *this;
    nodes_ = other.nodes_;
    root_ = &nodes_.find("/")->second;
    ephemerals_ = other.ephemerals_;
    containers_ = other.containers_;
    ttls_ = other.ttls_;
    data_size_ = other.data_size_;
    last_zxid_ = other.last_zxid_;
    extended_types_ = other.extended_types_;
    return *this;
}

const znode* tree::find(std::string_view path) const {
    if (path.empty()) return root_;
    const auto at = nodes_.find(path);
    return at != nodes_.end() ? &at->second : nullptr;
}

znode* tree::find_mutable(std::string_view path) { return const_cast<znode*>(std::as_const(*this).find(path)); }

owner_kind tree::kind_of(std::int64_t owner) const noexcept {
    if (owner == 0) return owner_kind::none;
    if (owner == container_owner) return owner_kind::container;
    if (extended_types_ && (static_cast<std::uint64_t>(owner) >> 40) == 0xff0000) return owner_kind::ttl;
    return owner_kind::session;
}

zk::stat tree::stat_of(const znode& n) const noexcept {
    zk::stat s;
    s.czxid = n.czxid;
    s.mzxid = n.mzxid;
    s.ctime = n.ctime;
    s.mtime = n.mtime;
    s.version = n.version;
    s.aversion = n.aversion;
    s.ephemeral_owner = kind_of(n.owner) == owner_kind::session ? n.owner : 0;
    s.data_length = n.data ? static_cast<std::int32_t>(n.data->size()) : 0;
    s.num_children = static_cast<std::int32_t>(n.children.size());
    // Creations and deletions: who was created and is not there was deleted.
    s.cversion = wrapping(std::int64_t{n.creations} * 2 - s.num_children);
    s.pzxid = n.pzxid;
    return s;
}

void tree::apply(const change& c, zk::zxid zxid, std::int64_t time, undo* u) {
    if (u != nullptr) {
        u->what = c.what;
        u->path = c.path;
        if (const znode* n = find(c.path)) u->before = *n;
        if (const znode* parent = find(zk::proto::parent_of(c.path))) {
            u->parent_pzxid = parent->pzxid;
            u->parent_creations = parent->creations;
        }
        const auto set = ephemerals_.find(u->before ? u->before->owner : c.owner);
        if (set != ephemerals_.end()) {
            u->buckets = set->second.buckets;
            if (const auto at = set->second.paths.find(c.path); at != set->second.paths.end()) u->inserted = at->second;
        }
    }
    switch (c.what) {
        case change::kind::create: {
            znode& parent = *find_mutable(zk::proto::parent_of(c.path));
            // Does not follow where the counter overflows.
            if (c.version > parent.creations) {
                parent.creations = c.version;
                parent.pzxid = zxid;
            }
            parent.children.emplace(zk::proto::name_of(c.path));
            znode& n = nodes_[c.path];
            n.data = c.data;
            n.acls = c.acls;
            n.czxid = n.mzxid = n.pzxid = zxid;
            n.ctime = n.mtime = time;
            n.owner = c.owner;
            data_size_ += c.path.size() + (c.data ? c.data->size() : 0);
            own(c.path, c.owner);
            break;
        }
        case change::kind::erase: {
            znode& parent = *find_mutable(zk::proto::parent_of(c.path));
            if (const auto at = parent.children.find(zk::proto::name_of(c.path)); at != parent.children.end())
                parent.children.erase(at);
            parent.pzxid = std::max(parent.pzxid, zxid);
            const auto at = nodes_.find(c.path);
            disown(c.path, at->second.owner);
            data_size_ -= c.path.size() + (at->second.data ? at->second.data->size() : 0);
            nodes_.erase(at);
            break;
        }
        case change::kind::set_data: {
            znode& n = *find_mutable(c.path);
            data_size_ += c.data ? c.data->size() : 0;
            data_size_ -= n.data ? n.data->size() : 0;
            n.data = c.data;
            n.mtime = time;
            n.mzxid = zxid;
            n.version = c.version;
            break;
        }
        case change::kind::set_acl: {
            znode& n = *find_mutable(c.path);
            n.acls = c.acls;
            n.aversion = c.version;
            break;
        }
    }
}

void tree::revert(undo&& u) {
    if (u.what == change::kind::create || u.what == change::kind::erase) {
        znode& parent = *find_mutable(zk::proto::parent_of(u.path));
        parent.pzxid = u.parent_pzxid;
        parent.creations = u.parent_creations;
        const std::string name(zk::proto::name_of(u.path));
        if (u.before) {
            parent.children.insert(name);
            own(u.path, u.before->owner);
            if (const auto set = ephemerals_.find(u.before->owner); set != ephemerals_.end()) {
                set->second.paths[u.path] = u.inserted;
                set->second.buckets = u.buckets;
            }
            data_size_ += u.path.size() + (u.before->data ? u.before->data->size() : 0);
        } else {
            parent.children.erase(name);
            const auto at = nodes_.find(u.path);
            disown(u.path, at->second.owner);
            const auto set = ephemerals_.find(at->second.owner);
            if (set != ephemerals_.end() && u.buckets > 0)
                set->second.buckets = u.buckets;
            else if (set != ephemerals_.end())
                ephemerals_.erase(set);
            data_size_ -= u.path.size() + (at->second.data ? at->second.data->size() : 0);
            nodes_.erase(at);
            return;
        }
        static_cast<znode_values&>(nodes_[u.path]) = std::move(*u.before);
        return;
    }
    znode& n = *find_mutable(u.path);
    data_size_ -= n.data ? n.data->size() : 0;
    data_size_ += u.before->data ? u.before->data->size() : 0;
    static_cast<znode_values&>(n) = std::move(*u.before);
}

std::size_t tree::count_below(std::string_view path) const {
    if (path.empty()) return nodes_.size();
    if (path == "/") return nodes_.size() - 1;
    const znode* n = find(path);
    if (n == nullptr) return 0;
    std::string p(path);
    return count_tree(p, *n);
}

std::size_t tree::count_tree(std::string& path, const znode& n) const {
    // By hand, not by recursion: a client decides how deep the tree is.
    std::size_t count = 0;
    std::vector<std::string> rest{path};
    const znode* at = &n;
    for (;;) {
        const std::string above = std::move(rest.back());
        rest.pop_back();
        count += at->children.size();
        for (const auto& name : at->children) {
            std::string below = above + '/' + name;
            if (!find(below)->children.empty()) rest.push_back(std::move(below));
        }
        if (rest.empty()) return count;
        at = find(rest.back());
    }
}

std::vector<std::string> tree::ephemerals_of(zk::session_id id) const {
    std::vector<std::string> paths;
    const auto at = ephemerals_.find(id);
    if (at == ephemerals_.end()) return paths;
    // A copy of the set is listed: by its buckets, and within one as the original lists them.
    using key = std::tuple<std::size_t, std::size_t, std::uint64_t, const std::string*>;
    std::vector<key> order;
    order.reserve(at->second.paths.size());
    const std::size_t buckets = java_buckets_of_copy(at->second.paths.size());
    for (const auto& [path, inserted] : at->second.paths) {
        const std::int32_t hash = java_hash(path);
        order.emplace_back(java_bucket(hash, buckets), java_bucket(hash, at->second.buckets), inserted, &path);
    }
    std::sort(order.begin(), order.end());
    paths.reserve(order.size());
    for (const auto& k : order) paths.push_back(*std::get<const std::string*>(k));
    return paths;
}

std::size_t tree::ephemeral_count() const noexcept {
    std::size_t n = 0;
    for (const auto& [id, o] : ephemerals_) n += o.paths.size();
    return n;
}

void tree::own(const std::string& path, std::int64_t owner) {
    switch (kind_of(owner)) {
        case owner_kind::none:
            break;
        case owner_kind::container:
            containers_.insert(path);
            break;
        case owner_kind::ttl:
            ttls_.insert(path);
            break;
        case owner_kind::session: {
            owned& o = ephemerals_[owner];
            o.paths.emplace(path, o.next++);
            while (o.paths.size() > o.buckets / 4 * 3) o.buckets *= 2;
            break;
        }
    }
}

void tree::disown(const std::string& path, std::int64_t owner) {
    switch (kind_of(owner)) {
        case owner_kind::none:
            break;
        case owner_kind::container:
            containers_.erase(path);
            break;
        case owner_kind::ttl:
            ttls_.erase(path);
            break;
        case owner_kind::session: {
            const auto at = ephemerals_.find(owner);
            if (at != ephemerals_.end()) at->second.paths.erase(path);
            break;
        }
    }
}

}    // namespace muster::embedded
