// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "support/local_server.hpp"

#include <string>
#include <vector>

namespace muster::test {

/// What Java needs in order to find Apache's ZooKeeper: Debian's, or what MUSTER_ZOOKEEPER_CLASSPATH says. Throws
/// `std::runtime_error` where there is none.
std::string zookeeper_class_path();

/// Apache's ZooKeeper. Its transaction log is not forced to disk; data is kept across `kill()` and `start()`.
class apache_server final : public local_server {
public:
    explicit apache_server(zookeeper_options o = {});

    void crash() override { kill(); }

private:
    std::vector<std::string> command() const override;
    std::string how_to_get_it() const override;
    void write_config() const;
};

}    // namespace muster::test
