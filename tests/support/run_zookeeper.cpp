// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/zk_server.hpp"

#include <exception>
#include <iostream>
#include <string>

int main() try {
    muster::test::zk_server server;
    server.start();
    std::cout << server.connect_string() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {}
    server.stop();
} catch (const std::exception& e) {
    std::cerr << "run-zookeeper: " << e.what() << "\n";
    return 1;
}
