// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What requests are made of: paths, data, versions, ACLs.
#include "differential/operations.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace muster::test {

void operations::learn(std::string path) {
    constexpr std::size_t most = 64;
    if (learned_.size() < most)
        learned_.push_back(std::move(path));
    else
        learned_[below(most)] = std::move(path);
}

std::string operations::path() {
    static constexpr std::array names{"a", "b", "c", "s-"};
    if (one_in(40)) {
        odd_ = true;
        return odd_path();
    }
    if (!learned_.empty() && one_in(5)) return learned_[below(learned_.size())];
    std::string p = "/t";
    for (auto depth = below(4); depth > 0; --depth) p += fmt::format("/{}", names[below(names.size())]);
    return p;
}

std::string operations::odd_path() {
    static const std::array<std::string, 14> odd{"",
                                                 "/",
                                                 "t",
                                                 "//",
                                                 "/t/",
                                                 "/t//a",
                                                 "/t/./a",
                                                 "/t/../a",
                                                 std::string("/t/\0b", 5),
                                                 "/t/\x01",
                                                 "/zookeeper",
                                                 "/zookeeper/quota",
                                                 "/zookeeper/config",
                                                 "/t/\xc3\xa9"};
    return odd[below(odd.size())];
}

std::optional<std::string> operations::data() {
    if (one_in(10)) return std::nullopt;
    return std::string(below(20), static_cast<char>('a' + below(26)));
}

std::int32_t operations::version() {
    switch (below(8)) {
        case 0:
            return -2;
        case 1:
        case 2:
            return static_cast<std::int32_t>(below(4));
        default:
            return zk::any_version;
    }
}

std::vector<zk::acl> operations::acls() {
    constexpr auto all = static_cast<std::int32_t>(zk::permission::all);
    switch (below(40)) {
        case 0:
            return {};
        case 1:
            return {{all, "auth", ""}};
        case 2:
            return {{all, "digest", "u0:fQ7/hHWoUhpWcPHd9ndqu3bDRfA="}};
        case 3:
            return {{1, "world", "anyone"}};
        case 4:
            return {{static_cast<std::int32_t>(below(32)), "world", "anyone"}, {all, "auth", "x"}};
        case 5:
            return {{all, "ip", one_in(2) ? "127.0.0.1" : "10.0.0.0/8"}};
        case 6:
            return {{all, "nonsense", "x"}};
        case 7:
            return {{all, "world", "nobody"}};
        case 8:
            return {{all, "world", "anyone"}, {all, "world", "anyone"}};
        case 9:
            return {{all, "digest", "malformed"}};
        case 10:
            return {{all, "ip", "not an address"}};
        default:
            return {{all, "world", "anyone"}};
    }
}

std::vector<std::string> operations::paths() {
    std::vector<std::string> all;
    for (auto n = below(4); n > 0; --n) all.push_back(path());
    return all;
}

}    // namespace muster::test
