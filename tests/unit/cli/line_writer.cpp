// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/line_writer.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <future>
#include <string>

using namespace muster::cli;
using namespace std::chrono_literals;

namespace {

struct pipe_ends {
    std::array<int, 2> fd{-1, -1};
    explicit pipe_ends(int flags = 0) { REQUIRE(::pipe2(fd.data(), O_CLOEXEC | flags) == 0); }
    ~pipe_ends() { close_reader(); }    // the other end is the writer's until the process ends
    void close_reader() {
        if (fd[0] >= 0) ::close(fd[0]);
        fd[0] = -1;
    }
    std::string read(std::size_t bytes) {
        std::string all(bytes, '\0');
        for (std::size_t n = 0; n < bytes;) {
            const auto got = ::read(fd[0], all.data() + n, bytes - n);
            REQUIRE(got > 0);
            n += static_cast<std::size_t>(got);
        }
        return all;
    }
};

/// Gives lines until they are refused.
std::string fill(line_writer& w) {
    std::string all;
    for (int i = 0;; ++i) {
        const std::string line = std::to_string(i) + std::string(500, '.') + '\n';
        if (!w.write(line)) return all;
        all += line;
    }
}

}    // namespace

TEST_CASE("a line writer keeps what nobody reads, up to its limit, and writes it in order once it is read") {
    pipe_ends p;
    line_writer w(p.fd[1]);
    const std::string before = fill(w);
    CHECK(before.size() > 256 * 1024);
    CHECK(w.pending());
    CHECK_FALSE(w.flush(1ms));
    CHECK(p.read(before.size()) == before);
    CHECK(w.flush(10s));
    CHECK(w.write("on\n"));
    CHECK(p.read(3) == "on\n");
    CHECK_FALSE(w.failed());
}

TEST_CASE("a line writer writes to a pipe that somebody has made non-blocking") {
    pipe_ends p(O_NONBLOCK);
    REQUIRE(::fcntl(p.fd[0], F_SETFL, 0) == 0);
    line_writer w(p.fd[1]);
    const std::string all = fill(w);
    CHECK(p.read(all.size()) == all);
    CHECK(w.flush(10s));
    CHECK_FALSE(w.failed());
}

TEST_CASE("a line writer tells that it has failed, and that it has nothing to do") {
    std::signal(SIGPIPE, SIG_IGN);
    pipe_ends p;
    p.close_reader();
    line_writer w(p.fd[1]);
    std::promise<void> idle;
    w.on_idle([&idle] { idle.set_value(); });
    CHECK(w.write("lost\n"));
    REQUIRE(idle.get_future().wait_for(10s) == std::future_status::ready);
    CHECK(w.failed());
    w.on_idle(nullptr);
    CHECK(w.write("lost, too\n"));
    CHECK(w.flush(10s));
}
