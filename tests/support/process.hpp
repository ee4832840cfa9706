// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/child_process.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace muster::test {

/// A program under test: its output is read as it comes, its input is a pipe. Killed on destruction.
///
/// What waits throws `std::runtime_error` when the time is over, with all that the program said, so that a failed test
/// tells why.
/// \par Thread safety
/// Same object: unsafe. The thread that starts it must outlive it.
class process {
public:
    using line_test = std::function<bool(std::string_view)>;

    /// Starts `argv[0]`, looked for in `PATH`. Throws `std::system_error` where it cannot be started.
    explicit process(std::vector<std::string> argv);
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process();

    pid_t pid() const noexcept { return child_.pid(); }
    bool running() { return child_.running(); }
    void signal(int number) noexcept { child_.signal(number); }
    void pause() noexcept { child_.pause(); }
    void resume() noexcept { child_.resume(); }

    /// The next line of standard output that passes `test`, without its newline. Lines before it are skipped for good.
    std::string wait_line(const line_test& test, std::chrono::milliseconds timeout = std::chrono::seconds(10));
    /// The next line that contains `part`.
    std::string wait_line(std::string_view part, std::chrono::milliseconds timeout = std::chrono::seconds(10));
    /// The next line.
    std::string wait_line() { return wait_line(std::string_view{}); }

    /// Waits for the end: the exit code, or 128 plus the signal that ended it. All output has been read then.
    int wait(std::chrono::milliseconds timeout = std::chrono::seconds(10));

    void write(std::string_view input);
    void close_input();

    /// All complete lines of standard output so far, those that were waited for too.
    std::vector<std::string> lines() const;
    /// All of standard error so far.
    std::string err() const;

    /// True while a signal that was sent has not reached it: further ones of that number are lost meanwhile.
    bool signal_pending(int number) const;

    /// Processor time that it has used, of all its threads, in user and system mode; in steps of 10 ms. Only while it runs.
    std::chrono::milliseconds cpu_time() const;

private:
    struct pipes {
        pipes();
        pipes(const pipes&) = delete;
        pipes& operator=(const pipes&) = delete;
        ~pipes();
        void close_theirs();
        int in[2]{-1, -1}, out[2]{-1, -1}, err[2]{-1, -1}, stop[2]{-1, -1};
    };

    static cli::child_options options(std::vector<std::string> argv, const pipes& p);
    void read_all();
    [[noreturn]] void fail(const std::string& what) const;

    std::string name_;
    pipes pipes_;
    cli::child_process child_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string partial_;    // an incomplete line of standard output
    std::vector<std::string> lines_;
    std::string err_;
    std::size_t next_ = 0;    // the first line that was not waited for
    bool ended_ = false;      // both outputs are closed
    std::thread reader_;
};

}    // namespace muster::test
