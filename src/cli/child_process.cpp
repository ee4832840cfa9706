// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace muster::cli {
namespace {

// Between fork and exec, where only async-signal-safe functions may be called. Tells errno through `report`.
[[noreturn]] void become(const child_options& o, char* const* argv, const std::array<int, 3>& fds, pid_t parent,
                         int report) noexcept {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);    // the parent died before the line above
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    for (const int number : o.ignored) ::signal(number, SIG_IGN);
    bool ok = true;
    for (int to = 0; to < 3; ++to) {
        if (fds[static_cast<std::size_t>(to)] >= 0) ok = ok && ::dup2(fds[static_cast<std::size_t>(to)], to) == to;
    }
    if (ok) ::execvp(argv[0], argv);
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
    ::_exit(127);
}

}    // namespace

bool is_ignored(int number) noexcept {
    struct sigaction now {};
    return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

child_process::child_process(const child_options& o) {
    std::vector<char*> argv;
    for (const std::string& a : o.argv) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);

    // The kernel would keep nothing of how it ended.
    if (is_ignored(SIGCHLD)) ::signal(SIGCHLD, SIG_DFL);

    const auto fail = [&](int error) { throw std::system_error(error, std::system_category(), "cannot start " + o.argv.at(0)); };
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    std::array<int, 2> report{-1, -1};
    if (nothing < 0 || ::pipe2(report.data(), O_CLOEXEC) != 0) fail(errno);

    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(o, argv.data(), {o.in < 0 ? nothing : o.in, o.out, o.err}, parent, report[1]);
    const int fork_error = errno;
    ::close(nothing);
    ::close(report[1]);
    int error = 0;
    const bool failed = pid_ > 0 && ::read(report[0], &error, sizeof error) == static_cast<ssize_t>(sizeof error);
    ::close(report[0]);
    if (pid_ < 0) fail(fork_error);
    if (failed) {
        ::waitpid(pid_, nullptr, 0);
        fail(error);
    }
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) {
        const int pidfd_error = errno;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        fail(pidfd_error);
    }
}

child_process::~child_process() {
    if (!exit_code_) {
        ::kill(-pid_, SIGKILL);
        ::kill(pid_, SIGKILL);    // should it have left its group
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(pidfd_);
}

void child_process::signal(int number) noexcept {
    if (!exit_code_) ::kill(pid_, number);
}

void child_process::signal_group(int number) noexcept {
    if (exit_code_) return;
    if (::kill(-pid_, number) != 0) ::kill(pid_, number);    // it has left its group
}

void child_process::pause() noexcept {
    if (exit_code_) return;
    ::kill(pid_, SIGSTOP);
    // WNOWAIT: should it have ended instead, wait() must still find that.
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
}

void child_process::resume() noexcept { signal(SIGCONT); }

std::optional<int> child_process::wait(std::chrono::milliseconds timeout) noexcept {
    if (exit_code_) return exit_code_;
    pollfd p{pidfd_, POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_)
        exit_code_ = code_unknown;    // it has ended, so another call would find out no more
    else
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
}

}    // namespace muster::cli
