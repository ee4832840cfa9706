// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What signals do to the muster command, and to the command that `register` runs.
#include "cli_fixture.hpp"
#include "support/eventually.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

using namespace muster::test;

namespace {

/// R, S, T (stopped), ... as proc(5) says.
char state_of(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(in), {}};
    const auto name_end = stat.rfind(')');
    return name_end == std::string::npos ? '-' : stat.at(name_end + 2);
}

bool gone(pid_t pid) { return ::kill(pid, 0) == -1; }

/// The process that the command has told of, "pid 4711".
pid_t told_pid(const process& p) {
    for (const std::string& line : p.lines()) {
        if (line.starts_with("pid ")) return static_cast<pid_t>(std::stoi(line.substr(4)));
    }
    throw std::runtime_error("the command has told no pid");
}

auto count(const strings& lines, std::string_view whole) { return static_cast<std::size_t>(std::ranges::count(lines, whole)); }

/// Waits for what comes in any order: it is registered, and the command has said this.
void wait_for_both(const process& p, std::string_view said) {
    REQUIRE(eventually([&] { return contains(p.lines(), said) && contains(p.lines(), R"("registered")"); }));
}

strings instance(const std::string& service, const strings& command) {
    strings args = on(service, {"register", "--ip", "127.0.0.1", "--port", "1"});
    args.emplace_back("--");
    args.insert(args.end(), command.begin(), command.end());
    return args;
}

/// Runs `muster` as the leader of a session. A terminal that is redirected to it becomes that of the session.
std::unique_ptr<process> start_leader(const strings& args, const std::string& redirection = {}) {
    strings argv{"setsid", "--wait", "sh", "-c", "exec \"$0\" \"$@\" " + redirection, MUSTER_COMMAND};
    argv.insert(argv.end(), args.begin(), args.end());
    return std::make_unique<process>(std::move(argv));
}

/// The `muster` that the command tells of, "leader 4711". Nothing else would end it when a test fails.
struct leader {
    explicit leader(process& p) : pid(static_cast<pid_t>(std::stoi(p.wait_line("leader ").substr(7)))) {}
    leader(const leader&) = delete;
    leader& operator=(const leader&) = delete;
    ~leader() { ::kill(pid, SIGKILL); }
    const pid_t pid;
};

class terminal {
public:
    terminal() : fd_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        if (fd_ < 0 || ::grantpt(fd_) != 0 || ::unlockpt(fd_) != 0)
            throw std::system_error(errno, std::system_category(), "no terminal");
    }
    terminal(const terminal&) = delete;
    terminal& operator=(const terminal&) = delete;
    ~terminal() { hang_up(); }

    std::string name() const { return ::ptsname(fd_); }
    void hang_up() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

/// Runs `muster` with these signals ignored.
std::unique_ptr<process> start_ignoring(const std::string& signals, const strings& args) {
    strings argv{"sh", "-c", "trap '' " + signals + "; exec \"$0\" \"$@\"", MUSTER_COMMAND};
    argv.insert(argv.end(), args.begin(), args.end());
    return std::make_unique<process>(std::move(argv));
}

}    // namespace

TEST_CASE("register -- COMMAND: SIGTERM ends the command with all that it has started") {
    const auto p = start_instance("family", 1, {"--", "sh", "-c", "sleep 60 & echo pid $!; wait"});
    wait_for_both(*p, "pid ");
    const pid_t grandchild = told_pid(*p);
    p->signal(SIGTERM);
    CHECK(finish(*p).code == 128 + SIGTERM);
    CHECK(eventually([&] { return gone(grandchild); }));
    CHECK(children("family").empty());
}

TEST_CASE("register -- COMMAND: SIGINT ends a script that waits for what it runs") {
    const auto p = start_instance("script", 1, {"--", "bash", "-c", "sh -c 'echo pid $$; exec sleep 60'; echo after"});
    wait_for_both(*p, "pid ");
    const pid_t grandchild = told_pid(*p);
    p->signal(SIGINT);
    const auto r = finish(*p);
    CHECK(r.code == 128 + SIGINT);
    CHECK_FALSE(contains(r.out, "after"));
    CHECK(eventually([&] { return gone(grandchild); }));
}

TEST_CASE("register -- COMMAND: what the command has started is ended when registering is given up") {
    const auto p = start_muster({"register", "--zk", "127.0.0.1:" + std::to_string(free_port()), "--service", "s", "--ip", "::1",
                                 "--port", "1", "--wait", "2s", "--", "sh", "-c", "sleep 60 & echo pid $!; wait"});
    CHECK(finish(*p).code == 4);
    const pid_t grandchild = told_pid(*p);
    CHECK(eventually([&] { return gone(grandchild); }));
}

TEST_CASE("register -- COMMAND: the signals that --help names are passed on, and end nothing by themselves") {
    std::string script = "echo ready";
    const std::pair<int, const char*> passed_on[] = {{SIGHUP, "HUP"},   {SIGUSR1, "USR1"},   {SIGUSR2, "USR2"}, {SIGALRM, "ALRM"},
                                                     {SIGQUIT, "QUIT"}, {SIGWINCH, "WINCH"}, {SIGCONT, "CONT"}};
    for (const auto& [number, name] : passed_on) script = "trap 'echo got " + std::string(name) + "' " + name + "; " + script;
    const auto p = start_instance("passed-on", 1, {"--", "sh", "-c", script + "; while :; do read x; done"});
    wait_for_both(*p, "ready");
    for (const auto& [number, name] : passed_on) {
        CAPTURE(name);
        p->signal(number);
        CHECK(eventually([&, part = "got " + std::string(name)] { return contains(p->lines(), part); }));
    }
    CHECK_FALSE(children("passed-on").empty());
    p->signal(SIGTERM);
    CHECK(finish(*p).code == 128 + SIGTERM);
}

TEST_CASE("register -- COMMAND: SIGTSTP stops both, SIGCONT lets both go on") {
    const auto p = start_instance("suspended", 1, {"--", "sh", "-c", "echo pid $$; trap '' TSTP; exec sleep 60"});
    wait_for_both(*p, "pid ");
    const pid_t child = told_pid(*p);
    for (int i = 0; i < 2; ++i) {
        p->signal(SIGTSTP);
        CHECK(eventually([&] { return state_of(p->pid()) == 'T' && state_of(child) == 'T'; }));
        p->signal(SIGCONT);
        CHECK(eventually([&] { return state_of(p->pid()) != 'T' && state_of(child) != 'T'; }));
    }
    p->signal(SIGTERM);
    CHECK(finish(*p).code == 128 + SIGTERM);
    CHECK(children("suspended").empty());
}

TEST_CASE("register -- COMMAND: SIGTSTP stops nothing in a session of its own, where nobody could let it go on") {
    const auto p =
        start_leader(instance("leader", {"sh", "-c", "trap 'echo continued' CONT; echo leader $PPID; while :; do read x; done"}));
    const leader l(*p);
    wait_for_both(*p, "leader ");
    for (std::size_t i = 1; i <= 2; ++i) {
        ::kill(l.pid, SIGTSTP);
        CHECK(eventually([&] { return count(p->lines(), "continued") == i; }));
    }
    CHECK(run_muster(on("leader", {"ls"})).out.size() == 1);
    ::kill(l.pid, SIGTERM);
    CHECK(finish(*p).code == 128 + SIGTERM);
}

TEST_CASE("register -- COMMAND: SIGHUP is for the command, but for that of a terminal that is gone") {
    terminal t;
    const std::string script =
        "trap 'echo hup' HUP; sleep 60 & echo pid $!; echo leader $PPID; while kill -0 $!; do wait; done; exit 5";
    const auto p = start_leader(instance("hung-up", {"sh", "-c", script}), "<" + t.name());
    const leader l(*p);
    wait_for_both(*p, "pid ");
    const pid_t grandchild = told_pid(*p);
    ::kill(l.pid, SIGHUP);
    CHECK(eventually([&] { return count(p->lines(), "hup") == 1; }));
    CHECK_FALSE(gone(grandchild));
    t.hang_up();
    CHECK(finish(*p).code == 5);
    CHECK(gone(grandchild));
    CHECK(children("hung-up").empty());
}

TEST_CASE("register -- COMMAND: a terminal that is closed ends all that the command has started") {
    terminal t;
    const auto p = start_leader(instance("closed-terminal", {"sh", "-c", "sleep 60 & echo pid $!; echo leader $PPID; wait"}),
                                "<" + t.name());
    const leader l(*p);
    wait_for_both(*p, "pid ");
    const pid_t grandchild = told_pid(*p);
    t.hang_up();
    CHECK(finish(*p).code == 128 + SIGHUP);
    CHECK(eventually([&] { return gone(grandchild); }));
    CHECK(children("closed-terminal").empty());
}

TEST_CASE("register -- COMMAND: the end of a session ends all that the command has started") {
    terminal t;
    strings argv{"setsid", "--wait", "sh", "-c", "exec <" + t.name() + "; echo shell $$; \"$0\" \"$@\"; true", MUSTER_COMMAND};
    const strings args = instance("session", {"sh", "-c", "sleep 60 & echo pid $!; echo leader $PPID; wait"});
    argv.insert(argv.end(), args.begin(), args.end());
    process p(argv);
    const auto shell = static_cast<pid_t>(std::stoi(p.wait_line("shell ").substr(6)));
    const leader l(p);
    wait_for_both(p, "pid ");
    const pid_t grandchild = told_pid(p);
    ::kill(shell, SIGKILL);
    CHECK(eventually([&] { return gone(grandchild) && gone(l.pid); }));
    CHECK(children("session").empty());
}

TEST_CASE("register -- COMMAND: what is ignored from the start is ignored by the command, and nothing else") {
    const strings args = instance("inherited", {"grep", "SigIgn", "/proc/self/status"});
    const auto ignored = [&](const strings& before) {
        strings argv = before;
        argv.emplace_back(MUSTER_COMMAND);
        argv.insert(argv.end(), args.begin(), args.end());
        process p(argv);
        const std::string line = p.wait_line("SigIgn:");
        return std::stoull(line.substr(line.find(':') + 1), nullptr, 16);
    };
    const auto bit = [](int number) { return std::uint64_t{1} << (number - 1); };
    CHECK(ignored({"env", "--default-signal"}) == 0);
    CHECK(ignored({"env", "--default-signal", "--ignore-signal=PIPE,CHLD,USR1"}) == (bit(SIGPIPE) | bit(SIGCHLD) | bit(SIGUSR1)));
}

TEST_CASE("demo: children can be waited for also where SIGCHLD is ignored from the start") {
    process p({"env", "--ignore-signal=CHLD", MUSTER_COMMAND, "demo", "--json"});
    const auto r = finish(p);
    CAPTURE(r.err);
    CHECK(r.code == 0);
}

TEST_CASE("register: SIGQUIT ends it in order") {
    const auto p = registered("quit", 1);
    p->signal(SIGQUIT);
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(r.out.back() == R"({"event":"closed"})");
    CHECK(children("quit").empty());
}

TEST_CASE("a signal that is ignored from the start stays ignored") {
    const std::string master = "/micro-service/ignoring/master";
    const auto p = start_ignoring("HUP INT", on("ignoring", {"register", "--ip", "127.0.0.1", "--port", "1"}));
    const auto w = start_ignoring("HUP INT", on("ignoring", {"watch"}));
    wait_event(*p, "registered");
    wait_event(*w, "added");
    for (const auto& each : {p.get(), w.get()}) {
        each->signal(SIGHUP);
        each->signal(SIGINT);
    }
    run_kazoo("delete.py", {hosts(), master});
    CHECK(text(wait_event(*p, "registered"), "path") == master);
    wait_event(*w, "removed");
    wait_event(*w, "added");
    for (const auto& each : {p.get(), w.get()}) {
        each->signal(SIGTERM);
        CHECK(finish(*each).code == 0);
    }

    const auto z = start_ignoring("HUP INT", {"zk", "--port", "0"});
    const std::string there = text(wait_event(*z, "serving"), "connect");
    z->signal(SIGHUP);
    z->signal(SIGINT);
    CHECK(run_kazoo("create.py", {there, "/a", ""}) == "/a");
    z->signal(SIGTERM);
    CHECK(finish(*z).code == 0);
}
