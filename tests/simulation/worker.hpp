// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/actor.hpp"

#include <muster/zk/client.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace muster::sim {

/// A client that writes: some znodes of its own, each with one operation at a time, and what each of them can be by what the
/// operations gave. Whatever it sees, and whatever is in the tree, must be possible.
class worker final : public actor {
public:
    /// Below it are the znodes of all workers.
    static constexpr std::string_view root = "/tasks";

    worker(environment& env, std::string name);

    void start();
    void stop();
    /// Begins an operation on some of its znodes; called now and then.
    void act();
    /// Reads all its znodes; when that is done it is known what they are.
    void settle();

    /// Absent, and nothing of its former life can be applied any more.
    bool may_start() const;
    const std::string& base() const noexcept { return base_; }
    /// Paths of its znodes, whether they exist or not.
    std::vector<std::string> paths() const;

    /// How the tree differs from what it believes; empty: not at all.
    std::string complaint() const;
    std::uint64_t done() const noexcept { return done_; }
    /// Of them those that a server without a quorum refused.
    std::uint64_t refused() const noexcept { return refused_; }

private:
    using value = std::optional<std::string>;    // none: the znode does not exist
    struct slot {
        std::string path;
        bool ephemeral = false;
        std::vector<zk::acl> acls;    // as it is created
        bool busy = false;
        std::set<value> possible{std::nullopt};
        std::set<bool> touched{false};      // whether its ACL, where it exists, is the one that `touch` gives it
        std::set<zk::session_id> owners;    // sessions that may own it
    };
    /// What an operation does to a znode.
    enum class effect { create, set, remove, replace, fail, touch, read };

    void prepare(std::uint64_t life, std::size_t step);
    /// The client, or for some operations one that gives them little time.
    zk::client patient_or_not();
    void begin(slot& s);
    void begin(slot& s, effect e, zk::client c);
    void touch(slot& s, zk::client& c, bool guarded, std::string what);
    void read(slot& s, zk::client& c, std::string what);
    void create_sequential();
    /// Something that changes nothing, and is answered or not.
    void ask();
    void ended(slot& s, effect e, const std::string& v, const error_code& ec, value seen, zk::session_id owner);
    void expect_possible(slot& s, const value& v, const char* how);
    void check_tree(slot& s);
    std::string fresh_value();
    std::string describe(const slot& s) const;
    static bool unknown(const error_code& ec) { return ec && zk::outcome_of(ec) == zk::outcome::unknown; }
    bool may_be_gone(const slot& s) const;
    bool may_go(const slot& s) const;
    void forget() override;
    bool alive(zk::session_id id) const;

    const std::string base_;
    bool ready_ = false;
    std::vector<slot> slots_;
    std::set<zk::session_id> sessions_;    // of former lives
    std::uint64_t last_value_ = 0;
    std::size_t sequential_ = 0;          // creations of sequential znodes that are under way
    std::set<std::string> certain_;       // values of sequential znodes that were acknowledged
    std::set<std::string> impossible_;    // and of those that were not created
    std::uint64_t done_ = 0;
    std::uint64_t refused_ = 0;
};

}    // namespace muster::sim
