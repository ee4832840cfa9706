// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace muster::test {
namespace {

void close_fd(int& fd) noexcept {
    if (fd >= 0) ::close(fd);
    fd = -1;
}

}    // namespace

process::pipes::pipes() {
    for (int* p : {in, out, err, stop}) {
        if (::pipe2(p, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "pipe2");
    }
}

process::pipes::~pipes() {
    for (int* p : {in, out, err, stop}) {
        close_fd(p[0]);
        close_fd(p[1]);
    }
}

void process::pipes::close_theirs() {
    close_fd(in[0]);
    close_fd(out[1]);
    close_fd(err[1]);
}

cli::child_options process::options(std::vector<std::string> argv, const pipes& p) {
    // Who runs the tests in the background of a script has them ignored, which is inherited, and muster leaves them so.
    for (const int number : {SIGINT, SIGQUIT, SIGHUP}) ::signal(number, SIG_DFL);
    cli::child_options o;
    o.argv = std::move(argv);
    o.in = p.in[0];
    o.out = p.out[1];
    o.err = p.err[1];
    return o;
}

process::process(std::vector<std::string> argv)
    : name_(argv.at(0)), child_(options(std::move(argv), pipes_)), reader_([this] { read_all(); }) {
    pipes_.close_theirs();
}

process::~process() {
    child_.signal(SIGKILL);
    close_fd(pipes_.stop[1]);    // a grandchild may hold the outputs open
    reader_.join();
}

void process::read_all() {
    std::array<pollfd, 3> fds{{{pipes_.out[0], POLLIN, 0}, {pipes_.err[0], POLLIN, 0}, {pipes_.stop[0], POLLIN, 0}}};
    std::array<char, 65536> part{};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (::poll(fds.data(), fds.size(), -1) < 0) continue;    // EINTR
        if (fds[2].revents) break;
        for (std::size_t i = 0; i < 2; ++i) {
            if (!fds[i].revents) continue;
            const auto n = ::read(fds[i].fd, part.data(), part.size());
            if (n <= 0) {
                fds[i].fd = -1;    // poll leaves out negative ones
                continue;
            }
            const std::lock_guard lock(mutex_);
            (i == 0 ? partial_ : err_).append(part.data(), static_cast<std::size_t>(n));
            for (std::size_t end = 0; i == 0 && (end = partial_.find('\n')) != std::string::npos; partial_.erase(0, end + 1)) {
                lines_.push_back(partial_.substr(0, end));
            }
            changed_.notify_all();
        }
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
}

std::string process::wait_line(const line_test& test, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    std::string found;
    const auto look = [&] {
        for (; next_ < lines_.size(); ++next_) {
            if (test(lines_[next_])) {
                found = lines_[next_++];
                return true;
            }
        }
        return false;
    };
    bool ok = false;
    changed_.wait_for(lock, timeout, [&] { return (ok = look()) || ended_; });
    const bool over = ended_;
    lock.unlock();
    if (!ok) fail(over ? "ended without such a line" : "gave no such line within " + std::to_string(timeout.count()) + " ms");
    return found;
}

std::string process::wait_line(std::string_view part, std::chrono::milliseconds timeout) {
    return wait_line([part](std::string_view line) { return line.find(part) != std::string_view::npos; }, timeout);
}

int process::wait(std::chrono::milliseconds timeout) {
    const auto code = child_.wait(timeout);
    if (!code) fail("still runs after " + std::to_string(timeout.count()) + " ms");
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(1), [&] { return ended_; });
    return *code;
}

void process::write(std::string_view input) {
    while (!input.empty()) {
        const auto n = ::write(pipes_.in[1], input.data(), input.size());
        if (n < 0) throw std::system_error(errno, std::system_category(), "cannot write to " + name_);
        input.remove_prefix(static_cast<std::size_t>(n));
    }
}

void process::close_input() { close_fd(pipes_.in[1]); }

std::vector<std::string> process::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

std::string process::err() const {
    const std::lock_guard lock(mutex_);
    return err_;
}

bool process::signal_pending(int number) const {
    std::ifstream in("/proc/" + std::to_string(pid()) + "/status");
    const std::uint64_t bit = std::uint64_t{1} << (number - 1);
    for (std::string line; std::getline(in, line);) {
        const bool set_of_signals = line.starts_with("SigPnd:") || line.starts_with("ShdPnd:");
        if (set_of_signals && (std::stoull(line.substr(line.find(':') + 1), nullptr, 16) & bit) != 0) return true;
    }
    return false;
}

std::chrono::milliseconds process::cpu_time() const {
    std::ifstream in("/proc/" + std::to_string(pid()) + "/stat");
    std::string stat{std::istreambuf_iterator<char>(in), {}};
    const auto name_end = stat.rfind(')');    // the name may contain anything
    if (name_end == std::string::npos) fail("has ended, its processor time is not known");
    std::istringstream fields(stat.substr(name_end + 1));
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

void process::fail(const std::string& what) const {
    std::string message = name_ + " " + what + "\n-- its output:\n";
    for (const std::string& line : lines()) message += line + "\n";
    message += "-- its errors:\n" + err();
    throw std::runtime_error(message);
}

}    // namespace muster::test
