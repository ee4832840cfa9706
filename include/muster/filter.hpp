// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/instance.hpp>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace muster {

/// What an instance must publish to be picked: all that was added. Without any: everybody.
///
///     muster::filter stable_here;
///     stable_here.zone("eu-1").without_metadata("canary", "yes");
class filter {
public:
    filter() = default;

    /// Its `instance::zone` is `name`; empty: it names none.
    filter& zone(std::string name);
    /// Its `instance::zone` is another one.
    filter& without_zone(std::string name);

    /// Its `instance::metadata` has `key`, with that value.
    filter& metadata(std::string key, std::string value);
    /// It has not: neither key nor value, or another value.
    filter& without_metadata(std::string key, std::string value);

    /// True if `i` publishes all of it.
    bool matches(const instance& i) const;

    friend bool operator==(const filter&, const filter&) = default;

private:
    struct requirement {
        bool wanted = true;
        bool of_zone = false;
        std::string key;    // of metadata
        std::string value;
        friend bool operator==(const requirement&, const requirement&) = default;
    };
    std::vector<requirement> all_;
};

/// Filters in the order in which they are tried: a pick goes to those of the first filter that has an instance to be had, that is
/// one that is neither ejected nor tried in vain, and does not drain or start (`instance::state`); those who do come behind all
/// filters, in the same order. Default: none, everybody.
///
/// Where no filter has any instance at all, a pick gives `registry_errc::no_instances`. End with an empty filter for everybody
/// else: `{filter().zone("a"), filter()}` is "zone a, else anywhere". Under `pool::normals_then_master` the master that a filter
/// matches comes before the normals of the next filter. Filters are applied when the list of instances changes, not by picks.
/// \par Thread safety
/// Distinct objects: safe, copies included; copying does not allocate.
class filter_chain {
public:
    /// None: everybody.
    filter_chain() noexcept = default;
    /// These, the first one first. An empty list is none.
    filter_chain(std::initializer_list<filter> in_order) : filter_chain(std::vector<filter>(in_order)) {}
    explicit filter_chain(std::vector<filter> in_order);

    /// True if there is none.
    bool empty() const noexcept { return filters_ == nullptr; }
    /// The filters, in their order.
    std::span<const filter> filters() const noexcept {
        return filters_ ? std::span<const filter>(*filters_) : std::span<const filter>();
    }

    /// True if they hold the same filters.
    friend bool operator==(const filter_chain& a, const filter_chain& b) {
        return a.filters_ == b.filters_ || (a.filters_ && b.filters_ && *a.filters_ == *b.filters_);
    }

private:
    std::shared_ptr<const std::vector<filter>> filters_;    // null: none
};

}    // namespace muster
