// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/filter.hpp>

#include <algorithm>
#include <utility>

namespace muster {

filter& filter::zone(std::string name) {
    all_.push_back({true, true, {}, std::move(name)});
    return *this;
}

filter& filter::without_zone(std::string name) {
    all_.push_back({false, true, {}, std::move(name)});
    return *this;
}

filter& filter::metadata(std::string key, std::string value) {
    all_.push_back({true, false, std::move(key), std::move(value)});
    return *this;
}

filter& filter::without_metadata(std::string key, std::string value) {
    all_.push_back({false, false, std::move(key), std::move(value)});
    return *this;
}

bool filter::matches(const instance& i) const {
    return std::all_of(all_.begin(), all_.end(), [&i](const requirement& r) {
        if (r.of_zone) return (i.zone == r.value) == r.wanted;
        const auto found = i.metadata.find(r.key);
        return (found != i.metadata.end() && found->second == r.value) == r.wanted;
    });
}

filter_chain::filter_chain(std::vector<filter> in_order) {
    if (!in_order.empty()) filters_ = std::make_shared<const std::vector<filter>>(std::move(in_order));
}

}    // namespace muster
