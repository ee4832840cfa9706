// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/transaction.hpp"

#include <muster/zk/types.hpp>

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace muster::sim {

bool is_below(std::string_view path, std::string_view root) noexcept;

/// What watches can tell of, in the order in which the ensemble committed it, as ZooKeeper documents its events.
class chronicle {
public:
    struct entry {
        zk::zxid at = 0;
        zk::event_type type = zk::event_type::resync;
        std::string path;
    };

    void record(const embedded::transaction& t);

    std::size_t size() const noexcept { return entries_.size(); }
    const entry& operator[](std::size_t i) const { return entries_[i]; }

    /// The first of `from` and later that a lasting watch of `path` tells; `size()` if there is none.
    std::size_t next(std::size_t from, std::string_view path, zk::add_watch_mode mode) const;
    /// The first of a transaction after `at`.
    std::size_t after(zk::zxid at) const;
    /// How often something like that happened to `root` and below, from that place on.
    std::size_t count(std::size_t from, std::string_view root, zk::event_type type) const;
    /// Whether one of these happened to `path`, from that place on.
    bool has(std::size_t from, std::string_view path, std::initializer_list<zk::event_type> types) const;

private:
    std::vector<entry> entries_;
};

/// What a lasting watch has told, held against what happened: each event once and in order. Where it was armed, or armed again,
/// nobody but its server knows which was the first, so all places are kept from which it can have gone on.
class witness {
public:
    witness(const chronicle& c, std::string path, zk::add_watch_mode mode)
        : chronicle_(&c), path_(std::move(path)), mode_(mode) {}

    /// The watch was armed, at a server that had applied at least the transaction `known`.
    void armed(zk::zxid known);
    /// Some of what followed was left out.
    void skipped();
    /// Its path was read behind it: what is committed from now on must be told.
    void read();
    /// What is wrong with that event; empty: nothing.
    std::string hear(const zk::watch_event& e);
    /// It was told all that ever happened, and no server is behind.
    void caught_up();
    /// What should have been told; empty: nothing.
    std::string missing() const;

private:
    std::size_t next(std::size_t from) const { return chronicle_->next(from, path_, mode_); }

    const chronicle* chronicle_;
    std::string path_;
    zk::add_watch_mode mode_;
    std::size_t settled_ = 0;              // no server applies anything before this any more
    std::size_t earliest_ = 0;             // none of the events is one before this
    std::optional<std::size_t> surely_;    // what comes from here on must be told, if nothing was told since it was armed
    std::set<std::size_t> places_;         // where it can stand: all before was told, or before its time
    bool told_ = false;                    // since it was armed; else `places_` is empty
};

}    // namespace muster::sim
