// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/local_zookeeper.hpp"

#include <exception>
#include <iostream>
#include <string>

int main() try {
    muster::cli::local_zookeeper server;
    server.start();
    std::cout << server.connect_string() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {}
    server.stop();
} catch (const std::exception& e) {
    std::cerr << "run-zookeeper: " << e.what() << "\n";
    return 1;
}
