// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/hang_up.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace muster::cli {
namespace {

std::atomic<bool> sent_by_kernel = false;
static_assert(std::atomic<bool>::is_always_lock_free);    // it is written in a signal handler
void (*next_handler)(int) = nullptr;

void note_sender(int number, siginfo_t* info, void*) {
    if (info->si_code == SI_KERNEL) sent_by_kernel = true;
    next_handler(number);
}

bool has_terminal() noexcept {
    const int fd = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
}

}    // namespace

hang_up::hang_up() : had_terminal_(has_terminal()) {
    // Asio tells nothing of who has sent a signal.
    struct sigaction a {};
    if (::sigaction(SIGHUP, nullptr, &a) != 0 || a.sa_handler == SIG_IGN || a.sa_handler == SIG_DFL) return;
    if ((a.sa_flags & SA_SIGINFO) != 0) return;
    next_handler = a.sa_handler;
    a.sa_sigaction = note_sender;
    a.sa_flags |= SA_SIGINFO;
    ::sigaction(SIGHUP, &a, nullptr);
}

bool hang_up::take() noexcept {
    // When the leader of a session dies the kernel takes the terminal away just after it has sent the signal.
    const bool from_kernel = sent_by_kernel.exchange(false);
    const bool gone = had_terminal_ && !has_terminal();
    if (gone) had_terminal_ = false;    // what comes later is somebody's again
    return from_kernel || gone;
}

}    // namespace muster::cli
