// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/line_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace muster::cli {

struct line_writer::state {
    state(int fd_, std::size_t most_) : fd(fd_), most(most_) {}

    void run();
    bool idle() const { return bytes == 0; }
    bool write_some(std::string_view& text);

    const int fd;
    const std::size_t most;
    std::mutex mutex;
    std::condition_variable given;
    std::condition_variable progress;
    std::deque<std::string> texts;
    std::size_t bytes = 0;        // of all that is not written yet
    std::uint64_t written = 0;    // writes that have ended
    bool failed = false;
    bool abandoned = false;
    std::function<void()> on_idle;
};

/// Writes what the system takes as a whole, so that another process that shares a pipe with us does not write in between.
bool line_writer::state::write_some(std::string_view& text) {
    for (;;) {
        const auto n = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
        if (n >= 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
            return true;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return false;
        pollfd p{fd, POLLOUT, 0};    // it is shared with somebody who does not want to wait
        ::poll(&p, 1, -1);
    }
}

void line_writer::state::run() {
    std::unique_lock lock(mutex);
    for (;;) {
        given.wait(lock, [this] { return !texts.empty() || abandoned; });
        if (texts.empty()) return;
        const std::string text = std::move(texts.front());
        texts.pop_front();
        for (std::string_view rest = text; !rest.empty();) {
            lock.unlock();
            const std::size_t before = rest.size();
            const bool ok = write_some(rest);
            lock.lock();
            if (!ok) {
                failed = true;
                bytes -= rest.size();
                rest = {};
            } else {
                bytes -= before - rest.size();
            }
            ++written;
            if (idle() && on_idle) on_idle();
            progress.notify_all();
        }
    }
}

line_writer::line_writer(int fd, std::size_t most_bytes) : state_(std::make_shared<state>(fd, most_bytes)) {
    // Signals are for the loop. But where SIGPIPE ends the process it is to come, and it comes to the thread that writes.
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigdelset(&all, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    try {
        std::thread([s = state_] { s->run(); }).detach();
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

line_writer::~line_writer() {
    const std::lock_guard lock(state_->mutex);
    state_->abandoned = true;
    state_->on_idle = nullptr;
    state_->given.notify_all();
}

bool line_writer::write(std::string text) {
    if (text.empty()) return true;
    const std::lock_guard lock(state_->mutex);
    if (state_->bytes >= state_->most) return false;
    state_->bytes += text.size();
    state_->texts.push_back(std::move(text));
    state_->given.notify_all();
    return true;
}

bool line_writer::pending() const {
    const std::lock_guard lock(state_->mutex);
    return !state_->idle();
}

bool line_writer::failed() const {
    const std::lock_guard lock(state_->mutex);
    return state_->failed;
}

bool line_writer::flush(std::chrono::milliseconds patience) {
    std::unique_lock lock(state_->mutex);
    for (bool moved = true; moved && !state_->idle();) {
        const auto before = state_->written;
        moved = state_->progress.wait_for(lock, patience, [&] { return state_->written != before; });
    }
    return state_->idle();
}

void line_writer::on_idle(std::function<void()> f) {
    const std::lock_guard lock(state_->mutex);
    state_->on_idle = std::move(f);
}

}    // namespace muster::cli
