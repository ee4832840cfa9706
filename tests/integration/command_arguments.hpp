// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Arguments for the command that need no ZooKeeper to be right or wrong.
#pragma once

#include "integration/muster_command.hpp"

#include <string>
#include <vector>

namespace muster::test {

using strings = std::vector<std::string>;

inline strings with(strings args, const strings& more) {
    args.insert(args.end(), more.begin(), more.end());
    return args;
}

inline const strings good_register{"register", "--service", "s", "--ip", "127.0.0.1", "--port", "50000"};
inline const strings good_pick{"pick", "--service", "s"};
inline const strings all_that_connect[] = {
    good_pick, {"master", "--service", "s"}, {"ls"}, {"ls", "--service", "s"}, {"watch", "--service", "s"}, good_register};

}    // namespace muster::test
