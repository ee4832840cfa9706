// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output_queues.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

using namespace muster::cli;
using namespace std::chrono_literals;

namespace {

/// A pipe that takes nothing until it is read. The end that is written to stays open, as a writer wants it.
class slow_reader {
public:
    slow_reader() {
        REQUIRE(::pipe2(fd_.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        const std::string part(4096, 'x');
        while (::write(fd_[1], part.data(), part.size()) > 0) filling_ += part.size();
        REQUIRE(::fcntl(fd_[0], F_SETFL, 0) == 0);
    }
    slow_reader(const slow_reader&) = delete;
    slow_reader& operator=(const slow_reader&) = delete;
    ~slow_reader() { ::close(fd_[0]); }

    int fd() const { return fd_[1]; }

    /// The next of what was written, of that size.
    std::string read(std::size_t bytes) {
        std::string all(filling_ + bytes, '\0');
        for (std::size_t n = 0; n < all.size();) {
            pollfd p{fd_[0], POLLIN, 0};
            REQUIRE(::poll(&p, 1, 10'000) == 1);
            const auto got = ::read(fd_[0], all.data() + n, all.size() - n);
            REQUIRE(got > 0);
            n += static_cast<std::size_t>(got);
        }
        return all.substr(std::exchange(filling_, 0));
    }

private:
    std::array<int, 2> fd_{-1, -1};
    std::size_t filling_ = 0;
};

/// Whether the next that comes is `text`, and nothing else waits.
bool comes(slow_reader& r, line_writer& w, const std::string& text) {
    const std::string read = r.read(text.size());
    CHECK(read == text);
    return read == text && w.flush(10s);
}

constexpr std::size_t most = 64;
const std::string full = std::string(most - 1, '.') + '\n';    // nothing may wait beside it

}    // namespace

TEST_CASE("what one file for both outputs has lost is told in front of what comes next") {
    slow_reader both;
    output_queues q(both.fd(), both.fd(), most);
    REQUIRE(&q.out() == &q.err());
    q.print(full);
    q.print("lost\n");
    q.tell("lost as well\n");
    q.tell("two\nlines\n");
    REQUIRE(comes(both, q.out(), full));
    q.print("next\n");
    REQUIRE(comes(both, q.out(), "muster: 4 lines were lost: nobody read them\nnext\n"));
    q.print("after\n");
    CHECK(comes(both, q.out(), "after\n"));
    CHECK_FALSE(q.tell_losses());
}

TEST_CASE("what was lost is told in the end where nothing comes next") {
    slow_reader both;
    output_queues q(both.fd(), both.fd(), most);
    q.print(full);
    q.print("lost\n");
    CHECK(q.tell_losses());    // in vain
    REQUIRE(comes(both, q.out(), full));
    CHECK(q.tell_losses());
    CHECK(comes(both, q.out(), "muster: 1 line was lost: nobody read it\n"));
    CHECK_FALSE(q.tell_losses());
}

TEST_CASE("what standard output has lost is told on standard error, when it begins and when it is over") {
    slow_reader out, err;
    output_queues q(out.fd(), err.fd(), most);
    q.print(full);
    q.print("lost\n");
    q.print("lost\n");
    REQUIRE(comes(err, q.err(), "muster: standard output is not read: lines are lost until it is\n"));
    REQUIRE(comes(out, q.out(), full));
    q.print("next\n");
    CHECK(comes(out, q.out(), "next\n"));
    CHECK(comes(err, q.err(), "muster: 2 lines of standard output were lost: nobody read them\n"));
    CHECK_FALSE(q.tell_losses());
}

TEST_CASE("diagnostics that standard error has no room for are counted") {
    slow_reader out, err;
    output_queues q(out.fd(), err.fd(), most);
    q.tell(full);
    q.tell("lost\n");
    REQUIRE(comes(err, q.err(), full));
    q.tell("next\n");
    CHECK(comes(err, q.err(), "muster: 1 line was lost: nobody read it\nnext\n"));
    CHECK_FALSE(q.tell_losses());
}
