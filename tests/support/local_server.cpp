// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/local_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace muster::test {
namespace {

using std::chrono::milliseconds;

std::string tail(const std::filesystem::path& file, std::size_t most) {
    std::ifstream in(file, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    return all.size() > most ? "..." + all.substr(all.size() - most) : all;
}

struct descriptor {
    explicit descriptor(int fd_) noexcept : fd(fd_) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (fd >= 0) ::close(fd);
    }
    int fd;
};

bool ready(int fd, short what, milliseconds timeout) noexcept {
    pollfd p{fd, what, 0};
    return ::poll(&p, 1, static_cast<int>(timeout.count())) == 1;
}

/// A connection to a port of this machine, which does not block.
struct connection : descriptor {
    explicit connection(std::uint16_t port) : descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_port = htons(port);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        refused = ::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0 && errno != EINPROGRESS;
    }
    bool established(milliseconds timeout) const {
        int error = 0;
        socklen_t size = sizeof error;
        return !refused && ready(fd, POLLOUT, timeout) && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
               error == 0;
    }
    bool refused = false;
};

}    // namespace

local_server::local_server(zookeeper_options o) : options_(std::move(o)) {
    if (options_.port == 0) options_.port = free_port();
}

void local_server::launch() {
    if (running()) return;
    cli::child_options o;
    o.argv = command();
    const descriptor log(::open(log_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (log.fd < 0) throw std::system_error(errno, std::system_category(), "cannot write " + log_file().string());
    o.out = log.fd;
    o.err = log.fd;
    try {
        process_ = std::make_unique<cli::child_process>(o);
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::no_such_file_or_directory) throw;
        throw std::runtime_error("no " + o.argv.front() + " in PATH: " + how_to_get_it());
    }
}

void local_server::start(milliseconds timeout) {
    launch();
    constexpr milliseconds step{20};
    // Each round takes one step at least, so the bound is kept without a clock; an answer that never comes costs ten.
    for (milliseconds waited{0}; waited < timeout; waited += step) {
        if (const auto code = process_->wait(step)) {
            throw std::runtime_error("ZooKeeper ended with exit code " + std::to_string(*code) + ":\n" + tail(log_file(), 4'000));
        }
        if (!mode(10 * step).empty()) return;
    }
    throw std::runtime_error("ZooKeeper on port " + std::to_string(port()) + " does not serve after " +
                             std::to_string(timeout.count()) + " ms:\n" + tail(log_file(), 4'000));
}

void local_server::signal(int number) noexcept {
    if (process_) process_->signal(number);
}

bool local_server::listens() const {
    const connection c(port());
    return c.established(std::chrono::seconds(1));
}

void local_server::kill() { process_.reset(); }

void local_server::stop() {
    if (!process_) return;
    process_->signal(SIGTERM);
    process_->signal(SIGCONT);    // it may be paused
    process_->wait(std::chrono::seconds(30));
    process_.reset();
}

void local_server::pause() noexcept {
    if (process_) process_->pause();
}

void local_server::resume() noexcept {
    if (process_) process_->resume();
}

std::string local_server::four_letter(std::string_view word, milliseconds timeout) const {
    const connection s(port());
    if (!s.established(timeout)) return {};
    if (::send(s.fd, word.data(), word.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(word.size())) return {};
    std::string answer;
    std::array<char, 4096> part{};
    while (ready(s.fd, POLLIN, timeout)) {
        const auto n = ::recv(s.fd, part.data(), part.size(), 0);
        if (n <= 0) return n == 0 ? answer : std::string();
        answer.append(part.data(), static_cast<std::size_t>(n));
    }
    return {};
}

std::string local_server::mode(milliseconds timeout) const {
    const std::string answer = four_letter("srvr", timeout);
    constexpr std::string_view key = "Mode: ";
    const auto at = answer.find(key);
    if (at == std::string::npos) return {};
    const auto begin = at + key.size();
    return answer.substr(begin, answer.find('\n', begin) - begin);
}

}    // namespace muster::test
