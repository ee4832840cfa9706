// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Finds out what became of a write whose reply was lost. No I/O, no clock, no chance.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace muster::zk::detail {

/// Decides after each reply what to ask next, until the outcome is known or cannot be.
///
///     write ── lost ── sync ──┬─ create: list the parent ── found ── look ── done
///       ^                     │                 ├─ of a former session ── write under another name
///       │                     │                 └─ not there ── write again
///       └── not applied ──────┴─ set, remove, set_acl: look ── done
class guarded_write {
public:
    enum class kind { create, set, remove, set_acl };
    /// What to ask next. `write`: the request itself. `look`: data and stat of `target()`. `look_at_acl`: its ACL and stat.
    enum class step { write, sync, list, look, look_at_acl, done };

    /// A create of the last component of `path` with a prefix before it: another one where what was created is none of the
    /// session's any more.
    static guarded_write create(std::string path, std::function<std::string()> make_prefix, bool ephemeral);
    /// `before`: a zxid that the client has seen before it writes. What was created later is not what `version` was meant for,
    /// as far as anybody can tell.
    static guarded_write set(std::string path, std::string data, std::int32_t version, zxid before);
    static guarded_write remove(std::string path, std::int32_t version, zxid before);
    /// `version`: of the ACL.
    static guarded_write set_acl(std::string path, std::vector<acl> acls, std::int32_t version, zxid before);

    step next() const noexcept { return next_; }
    /// Path of the request, and of `sync`.
    const std::string& path() const noexcept { return path_; }
    /// What to list.
    const std::string& parent() const noexcept { return parent_; }
    /// What to look at.
    const std::string& target() const noexcept { return target_; }

    void on_write(const error_code& ec);
    void on_sync(const error_code& ec);
    void on_list(const error_code& ec, const std::vector<std::string>& names);
    /// `now`: the session that the client has.
    void on_look(const error_code& ec, const std::string& data, const stat& s, session_id now);
    void on_look_at_acl(const error_code& ec, const std::vector<acl>& found, const stat& s);

    /// Why it is not known whether the write was applied; none while that is known.
    const error_code& lost() const noexcept { return lost_; }

    /// Once done: the error, and the stat of the znode where it was found by looking.
    const error_code& error() const noexcept { return error_; }
    const std::optional<stat>& found() const noexcept { return found_; }

private:
    /// Whether what is there is what was to be written, as far as it shows.
    enum class match { same, other, unclear };

    guarded_write(kind k, std::string path);

    void finish(const error_code& ec);
    bool has_expired(const error_code& ec) noexcept;
    void not_written_again(const error_code& ec);
    void write_again();
    void write_anew();
    void take_name();
    bool asked_again(const error_code& ec);
    void judge(match m, std::int32_t version, const stat& s);
    static match compare(const std::vector<acl>& wanted, const std::vector<acl>& found);

    kind kind_;
    std::string path_;
    std::string parent_;
    std::string before_name_;    // with the slash
    std::string name_;           // that was asked for
    std::string prefix_;         // with that behind it
    std::function<std::string()> make_prefix_;
    std::string target_;
    std::string data_;
    std::vector<acl> acls_;
    std::int32_t version_ = any_version;
    zxid before_ = 0;
    bool ephemeral_ = false;
    step next_ = step::write;
    int answered_ = 0;    // times that a server said that it does not know
    error_code lost_;     // why the outcome is not known
    error_code error_;
    std::optional<stat> found_;
};

}    // namespace muster::zk::detail
