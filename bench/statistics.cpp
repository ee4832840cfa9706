// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace muster::bench {

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// A value below 2^(sub_bits + 1) is its own bucket. A greater one is cut to its sub_bits + 1 leading bits; how many were cut
// off chooses the group of 2^sub_bits buckets.
void histogram::record(std::uint64_t nanoseconds) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(nanoseconds));
    const unsigned cut = width > sub_bits + 1 ? width - (sub_bits + 1) : 0;
    ++counts_[(static_cast<std::size_t>(cut) << sub_bits) + static_cast<std::size_t>(nanoseconds >> cut)];
    ++count_;
}

double histogram::quantile(double q) const noexcept {
    if (count_ == 0) return 0;
    const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i != buckets; ++i) {
        seen += counts_[i];
        if (seen < rank || seen == 0) continue;
        const std::size_t cut = i < (std::size_t{2} << sub_bits) ? 0 : (i >> sub_bits) - 1;
        const double low = std::ldexp(static_cast<double>(i - (cut << sub_bits)), static_cast<int>(cut));
        return low + (std::ldexp(1.0, static_cast<int>(cut)) - 1) / 2;
    }
    return 0;
}

}    // namespace muster::bench
