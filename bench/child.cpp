// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/child.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>

namespace muster::bench {
namespace {

constexpr char tag_result = 'R';
constexpr char tag_failure = 'F';

/// Forks a process that dies with this one. Returns 0 in the child.
pid_t fork_child() {
    std::fflush(nullptr);    // what is buffered would be written twice
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);    // the parent went before it could be watched
    }
    return child;
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

[[noreturn]] void be_the_child(int out, const std::function<std::string()>& work) {
    std::string message;
    try {
        message = work();
        message.insert(message.begin(), tag_result);
    } catch (const std::exception& e) {
        message = tag_failure + std::string(e.what());
    }
    for (std::size_t sent = 0; sent != message.size();) {
        const ssize_t n = write(out, message.data() + sent, message.size() - sent);
        if (n < 0 && errno != EINTR) _exit(1);
        if (n > 0) sent += static_cast<std::size_t>(n);
    }
    // Sanitizers and the handlers of the parent's exit have no business here.
    _exit(0);
}

/// Reads until the child closes its end. False when `limit` passed first.
bool read_all(int in, std::chrono::milliseconds limit, std::string& into) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd p{in, POLLIN, 0};
        if (poll(&p, 1, static_cast<int>(left.count())) <= 0) continue;
        char buffer[4096];
        const ssize_t n = read(in, buffer, sizeof buffer);
        if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
        if (n == 0) return true;
        if (n < 0 && errno != EINTR) return true;
    }
}

}    // namespace

std::variant<std::string, failure> detail::bytes_from_child(const std::function<std::string()>& work,
                                                            std::chrono::milliseconds limit) {
    int ends[2];
    if (pipe(ends) != 0) return failure{fmt::format("pipe: {}", std::strerror(errno))};
    const pid_t child = fork_child();
    if (child < 0) {
        const int reason = errno;
        close(ends[0]);
        close(ends[1]);
        return failure{fmt::format("fork: {}", std::strerror(reason))};
    }
    if (child == 0) {
        close(ends[0]);
        be_the_child(ends[1], work);
    }
    close(ends[1]);
    std::string message;
    const bool in_time = read_all(ends[0], limit, message);
    close(ends[0]);
    if (!in_time) kill(child, SIGKILL);
    const int status = wait_for(child);
    if (!in_time) return failure{fmt::format("no result within {} s", std::chrono::duration<double>(limit).count())};
    if (WIFSIGNALED(status)) return failure{fmt::format("the measuring process died: {}", strsignal(WTERMSIG(status)))};
    if (message.empty()) return failure{"the measuring process ended without a result"};
    const char tag = message.front();
    message.erase(0, 1);
    if (tag == tag_failure) return failure{std::move(message)};
    return message;
}

companion::companion(const std::function<void()>& work) : pid_(fork_child()) {
    if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (pid_ > 0) return;
    try {
        work();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        _exit(1);
    }
    _exit(0);
}

companion::~companion() {
    kill(pid_, SIGKILL);
    wait_for(pid_);
}

}    // namespace muster::bench
