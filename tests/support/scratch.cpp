// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/scratch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace muster::test {
namespace {

template <class Address>
bool bind_to(int fd, const Address& a, std::size_t size) noexcept {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&a), static_cast<socklen_t>(size)) == 0;
}

// A name in the abstract socket namespace belongs to one process at a time and goes with it; nothing is left on disk.
// The socket stays open on purpose: it is the reservation.
bool reserve(std::uint16_t port) noexcept {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const std::string name = "muster-port-" + std::to_string(port);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), a.sun_path + 1);
    if (bind_to(fd, a, offsetof(sockaddr_un, sun_path) + 1 + name.size())) return true;
    ::close(fd);
    return false;
}

bool nobody_listens(std::uint16_t port) noexcept {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const int on = 1;    // a port whose last connections are in TIME_WAIT is free, for a Java server too
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_ANY);
    const bool free = bind_to(fd, a, sizeof a);
    ::close(fd);
    return free;
}

}    // namespace

temp_dir::temp_dir() {
    std::string name = (std::filesystem::temp_directory_path() / "muster-XXXXXX").string();
    if (!::mkdtemp(name.data())) {
        throw std::filesystem::filesystem_error("cannot make a folder", name, std::error_code(errno, std::system_category()));
    }
    path_ = name;
}

temp_dir::~temp_dir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
    unsigned end = 32'768;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> end;
    end = std::clamp(end, 12'000U, 32'768U);
    const unsigned span = 10'000;
    // Where the search begins is of no importance; processes that begin apart just collide less.
    static unsigned next = static_cast<unsigned>(::getpid()) * 97U;
    for (unsigned i = 0; i < span; ++i) {
        const auto port = static_cast<std::uint16_t>(end - span + next++ % span);
        if (nobody_listens(port) && reserve(port)) return port;
    }
    throw std::runtime_error("no free port from " + std::to_string(end - span) + " to " + std::to_string(end - 1));
}

}    // namespace muster::test
