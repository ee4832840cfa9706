// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace muster::cli {

/// Whether this process ignores the signal.
bool is_ignored(int number) noexcept;

/// What to run and on which file descriptors.
struct child_options {
    std::vector<std::string> argv;    ///< The program, looked for in `PATH`, and its arguments.
    int in = -1;                      ///< -1: nothing to read.
    int out = -1;                     ///< -1: shared with this process.
    int err = -1;                     ///< -1: shared with this process.
    std::vector<int> ignored;         ///< Signals that it ignores, beside those that this process does.
};

/// A program that this process runs.
///
/// It gets a process group of its own, so that Ctrl-C at the terminal reaches us alone and we end it in order. Unless it has
/// ended, it is killed on destruction, with all of its group. When the thread that started it ends it is killed by the kernel,
/// alone. Where this process ignores SIGCHLD, which leaves no child to wait for, that is over. SIGPIPE is ignored by the child
/// only where its options say so: this process may have reasons of its own.
/// \par Thread safety
/// Same object: unsafe.
class child_process {
public:
    /// Starts it. Throws `std::system_error` where it cannot be started.
    explicit child_process(const child_options& o);
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    ~child_process();

    pid_t pid() const noexcept { return pid_; }
    bool running() noexcept { return !wait(std::chrono::milliseconds(0)); }
    /// Does nothing once it has been seen to have ended: the pid may be another's by then.
    void signal(int number) noexcept;
    /// The same for it and all that it has started, but for what has left its group.
    void signal_group(int number) noexcept;
    /// SIGSTOP, and waits until all its threads stand still: the signal alone may leave some of them a while.
    void pause() noexcept;
    /// SIGCONT.
    void resume() noexcept;
    /// Waits for its end, at most for `timeout`. Gives its exit code, or 128 plus the signal that ended it; `code_unknown` where
    /// somebody else has waited for it.
    std::optional<int> wait(std::chrono::milliseconds timeout) noexcept;
    static constexpr int code_unknown = 127;    // what a shell's `wait` says of a child that it knows nothing of

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    std::optional<int> exit_code_;
};

}    // namespace muster::cli
