// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What becomes of the muster command where its output cannot be written, or is not read.
#include "cli_fixture.hpp"
#include "support/eventually.hpp"
#include "support/scratch.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

/// A named pipe that has no room left.
class full_pipe {
public:
    full_pipe() {
        if (::mkfifo(name().c_str(), 0600) != 0) throw std::system_error(errno, std::system_category(), "mkfifo");
        fd_ = ::open(name().c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        const std::string part(4096, 'x');
        while (::write(fd_, part.data(), part.size()) > 0) room_ += part.size();
    }
    full_pipe(const full_pipe&) = delete;
    full_pipe& operator=(const full_pipe&) = delete;
    ~full_pipe() { ::close(fd_); }

    std::string name() const { return (folder_.path() / "pipe").string(); }

    /// Takes out what it was filled with, and starts who reads on.
    std::unique_ptr<process> read() {
        for (std::string part(room_, '\0'); room_ > 0;) {
            const auto n = ::read(fd_, part.data(), room_);
            if (n <= 0) throw std::system_error(errno, std::system_category(), "read");
            room_ -= static_cast<std::size_t>(n);
        }
        return std::make_unique<process>(strings{"cat", name()});
    }

private:
    temp_dir folder_;
    int fd_ = -1;
    std::size_t room_ = 0;
};

/// Runs `muster` by a shell that does with its output what is said behind.
std::unique_ptr<process> start_with(const strings& args, const std::string& redirection) {
    strings argv{"sh", "-c", "exec \"$0\" \"$@\" " + redirection, MUSTER_COMMAND};
    argv.insert(argv.end(), args.begin(), args.end());
    return std::make_unique<process>(std::move(argv));
}

strings instance(const std::string& service, const strings& more = {}) {
    strings args = on(service, {"register", "--ip", "127.0.0.1", "--port", "1"});
    args.insert(args.end(), more.begin(), more.end());
    return args;
}

bool is_registered(const std::string& service) { return run_muster(on(service, {"pick", "--wait", "10s"})).code == 0; }

/// Whether a thread of this process is kept waiting by a write to this descriptor.
bool writes_to(pid_t pid, int fd) {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        std::ifstream in(thread.path() / "syscall");
        std::string number, first;
        if (in >> number >> first && number == std::to_string(SYS_write) && std::stoi(first, nullptr, 16) == fd) return true;
    }
    return false;
}

const std::string unread = "muster: standard output is not read: its last lines are lost\n";
const std::string unwritten = "muster: standard output cannot be written\n";

}    // namespace

TEST_CASE("register: a pipe that nobody reads keeps it neither from being registered nor from ending in order") {
    const full_pipe pipe;
    const auto p = start_with(instance("full"), ">" + pipe.name());
    CHECK(is_registered("full"));
    p->signal(SIGTERM);
    const auto r = finish(*p);
    CHECK(r.code == 1);
    CHECK(r.err == unread);
    CHECK(children("full").empty());
}

TEST_CASE("register: what is read late is complete and in order") {
    full_pipe pipe;
    const auto p = start_with(instance("late-reader"), ">" + pipe.name());
    CHECK(is_registered("late-reader"));
    const auto reader = pipe.read();
    CHECK(reader->wait_line() == R"({"event":"session","state":"connected"})");
    CHECK(reader->wait_line() == R"({"event":"registered","role":"master","path":"/micro-service/late-reader/master"})");
    p->signal(SIGTERM);
    CHECK(reader->wait_line() == R"({"event":"closed"})");
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(r.err.empty());
}

TEST_CASE("register: a terminal that is stopped, by Ctrl-S, stops nothing else") {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    const int theirs = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(theirs >= 0);
    REQUIRE(::tcflow(theirs, TCOOFF) == 0);
    muster::cli::child_options o;
    o.argv = instance("stopped-terminal", {"--verbose"});
    o.argv.insert(o.argv.begin(), MUSTER_COMMAND);
    o.out = o.err = theirs;
    muster::cli::child_process p(o);
    CHECK(is_registered("stopped-terminal"));
    p.signal(SIGTERM);
    CHECK(p.wait(10s) == 1);
    CHECK(children("stopped-terminal").empty());
    ::close(theirs);
    ::close(terminal);
}

TEST_CASE("register -- COMMAND: the exit code is the command's, also where the events could not be told") {
    const full_pipe pipe;
    const auto p = start_with(instance("full-wrapped", {"--", "sh", "-c", "read x; exit $x"}), ">" + pipe.name());
    CHECK(is_registered("full-wrapped"));
    p->write("0\n");
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(r.err == unread);
}

TEST_CASE("register -- COMMAND: that it cannot be started is told where both outputs are one, and read late") {
    full_pipe pipe;
    const auto p = start_with(instance("not-started", {"--", "/nonexistent/x"}), ">" + pipe.name() + " 2>&1");
    REQUIRE(eventually([&] { return !p->running() || writes_to(p->pid(), STDOUT_FILENO); }));
    const auto reader = pipe.read();
    CHECK(reader->wait_line() == "muster: cannot start /nonexistent/x: No such file or directory");
    CHECK(finish(*p).code == 1);
}

TEST_CASE("watch: signals end it where nobody reads") {
    const auto i = registered("full-watched", 1);
    const full_pipe pipe;
    const auto w = start_with(on("full-watched", {"watch"}), ">" + pipe.name());
    CHECK(eventually([&] { return writes_to(w->pid(), STDOUT_FILENO); }));
    w->signal(SIGTERM);
    const auto r = finish(*w);
    CHECK(r.code == 1);
    CHECK(r.err == unread);
}

TEST_CASE("watch: ends at the first change that cannot be written") {
    const auto i = registered("full-disk", 1);
    const auto w = start_with(on("full-disk", {"watch"}), ">/dev/full");
    const auto r = finish(*w);
    CHECK(r.code == 1);
    CHECK(r.err == unwritten);
}

TEST_CASE("a standard output that is closed is no other file of ours") {
    const auto p = start_with(instance("closed-output"), ">&-");
    CHECK(is_registered("closed-output"));
    CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(p->pid()) + "/fd/1") == "/dev/null");
    p->signal(SIGTERM);
    const auto r = finish(*p);
    CHECK(r.code == 1);
    CHECK(r.err == unwritten);
    CHECK(finish(*start_with(on("closed-output", {"ls", "--json"}), ">&- 2>&-")).code == 3);
}

TEST_CASE("a standard error that cannot be written changes no exit code") {
    const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
    const strings away{"register", "--zk", nowhere, "--service", "s", "--ip", "127.0.0.1", "--port", "1"};
    const auto code = [](strings args, const strings& more, const char* redirection) {
        args.insert(args.end(), more.begin(), more.end());
        return finish(*start_with(args, redirection)).code;
    };
    for (const char* redirection : {"2>/dev/full", "2>&-"}) {
        CAPTURE(redirection);
        CHECK(code({}, {}, redirection) == 2);
        CHECK(code({"pick"}, {}, redirection) == 2);
        CHECK(code(on("nobody-there", {"pick", "--wait", "2s", "--verbose"}), {}, redirection) == 3);
        CHECK(code(away, {"--wait", "300ms"}, redirection) == 4);
        CHECK(code({"watch", "--zk", nowhere, "--service", "s", "--wait", "300ms"}, {}, redirection) == 4);
        CHECK(code(away, {"--", "/nonexistent"}, redirection) == 1);
        CHECK(code(away, {"--", "sh", "-c", "exit 7"}, redirection) == 7);
        const auto p = start_with(instance("mute", {"--verbose"}), redirection);
        wait_event(*p, "registered");
        p->signal(SIGTERM);
        const auto r = finish(*p);
        CHECK(r.code == 0);
        CHECK(r.out.back() == R"({"event":"closed"})");
    }
}
