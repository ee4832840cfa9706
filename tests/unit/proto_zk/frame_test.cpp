// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/frame.hpp"

#include "allocations.hpp"
#include "bytes.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace muster::zk;
using namespace muster::zk::proto;
using muster::error_code;
using muster::test::bytes;
using muster::test::hex;

namespace {

using frames = std::vector<std::string>;

std::string framed(std::string_view content) {
    std::string out;
    const auto begun = begin_frame(out);
    out += content;
    end_frame(out, begun);
    return out;
}

// Gives `data` to the reader in pieces of at most `chunk`, and takes the frames behind each piece. An error ends that, unless
// `passes_over` deals with it.
template <class Function>
frames feed(frame_reader& reader, std::string_view data, std::size_t chunk, error_code& ec, Function passes_over) {
    frames out;
    while (!data.empty()) {
        const auto room = reader.prepare(chunk);
        REQUIRE(!room.empty());
        const auto n = std::min({chunk, room.size(), data.size()});
        std::memcpy(room.data(), data.data(), n);
        data.remove_prefix(n);
        reader.commit(n);
        do {
            while (const auto frame = reader.next(ec)) out.emplace_back(*frame);
        } while (ec.failed() && passes_over());
        if (ec.failed()) break;
    }
    return out;
}

frames feed(frame_reader& reader, std::string_view data, std::size_t chunk, error_code& ec) {
    return feed(reader, data, chunk, ec, [] { return false; });
}

frames feed(frame_reader& reader, std::string_view data, std::size_t chunk) {
    error_code ec;
    auto out = feed(reader, data, chunk, ec);
    CHECK(!ec.failed());
    return out;
}

}    // namespace

TEST_CASE("frames are written behind what is there") {
    std::string out = "before";
    const auto first = begin_frame(out);
    out += "ab";
    end_frame(out, first);
    const auto second = begin_frame(out);
    end_frame(out, second);
    CHECK(hex(out) == hex(bytes("'before' 00000002 'ab' 00000000")));
}

TEST_CASE("frames arrive whole, however the stream is cut") {
    const frames sent{"one", "", "a longer one", "x"};
    std::string stream;
    for (const auto& content : sent) stream += framed(content);

    for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
        INFO("pieces of ", chunk);
        frame_reader reader(100);
        CHECK(feed(reader, stream, chunk) == sent);
        CHECK(reader.unread().empty());
    }
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        INFO("cut at ", cut);
        frame_reader reader(100);
        auto got = feed(reader, stream.substr(0, cut), 100);
        for (auto& frame : feed(reader, stream.substr(cut), 100)) got.push_back(std::move(frame));
        CHECK(got == sent);
    }
}

TEST_CASE("the rest of a cut stream can be seen") {
    frame_reader reader(100);
    CHECK(reader.unread().empty());
    CHECK(feed(reader, framed("one") + bytes("000000"), 100) == frames{"one"});
    CHECK(reader.unread() == std::string_view("\0\0\0", 3));

    frame_reader server(100);
    const auto room = server.prepare(16);
    std::memcpy(room.data(), "ruok", 4);
    server.commit(4);
    CHECK(server.unread() == "ruok");
}

TEST_CASE("views stay valid until the next prepare") {
    frame_reader reader(100);
    const std::string stream = framed("first") + framed("second");
    const auto room = reader.prepare(stream.size());
    std::memcpy(room.data(), stream.data(), stream.size());
    reader.commit(stream.size());
    error_code ec;
    const auto first = reader.next(ec);
    const auto second = reader.next(ec);
    CHECK(!reader.next(ec).has_value());
    CHECK(first == "first");
    CHECK(second == "second");
    CHECK(first->data() == room.data() + 4);    // not copied
}

TEST_CASE("a frame of the maximal size passes, a larger one does not") {
    const std::string largest(1000, 'x');
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
        frame_reader reader(1000);
        CHECK(feed(reader, framed(largest) + framed(largest), chunk) == frames{largest, largest});

        error_code ec;
        frame_reader refusing(999);
        CHECK(feed(refusing, framed("ok") + framed(largest), chunk, ec) == frames{"ok"});
        CHECK(ec == protocol_errc::frame_too_large);
        CHECK(!refusing.next(ec).has_value());
        CHECK(ec == protocol_errc::frame_too_large);    // for good
    }
}

TEST_CASE("a frame that is too large can be passed over, whatever its size, in little memory") {
    const std::string large(300'000, 'x');
    const std::string stream = framed("before") + framed(large) + framed("between") + framed(large) + framed("behind");
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{5'000}, stream.size()}) {
        frame_reader reader(1'000);
        error_code ec;
        const auto out = feed(reader, stream, chunk, ec, [&] {
            REQUIRE(ec == protocol_errc::frame_too_large);
            CHECK(reader.oversize() == large.size());
            CHECK(large.starts_with(reader.oversize_content().substr(0, large.size())));
            reader.skip();
            return true;
        });
        CHECK(!ec.failed());
        if (chunk < 1'000) CHECK(reader.capacity() <= 1'004);
        CHECK(out == frames{"before", "between", "behind"});
        CHECK(reader.unread().empty());
    }
}

TEST_CASE("lengths that no frame has") {
    const auto refused = [](std::string_view length) {
        frame_reader reader(1048575);
        error_code ec;
        CHECK(feed(reader, bytes(length), 100, ec).empty());
        return ec;
    };
    CHECK(refused("ffffffff") == protocol_errc::bad_length);
    CHECK(refused("fffffffe") == protocol_errc::bad_length);
    CHECK(refused("80000000") == protocol_errc::bad_length);
    CHECK(refused("7fffffff") == protocol_errc::frame_too_large);
    CHECK(refused("00100000") == protocol_errc::frame_too_large);
    CHECK(refused("'HTTP'") == protocol_errc::frame_too_large);
    CHECK(!refused("000fffff").failed());
}

TEST_CASE("memory follows what arrives, not what is announced") {
    constexpr std::size_t megabyte = 1048575;
    const muster::test::largest_allocation largest;
    frame_reader reader(megabyte);
    feed(reader, bytes("000fffff") + std::string(5000, 'x'), 1000);
    CHECK(reader.capacity() < 20000);
    CHECK(largest.bytes() < 20000);
}

TEST_CASE("the buffer never grows beyond one frame, even if nobody takes them") {
    frame_reader reader(1000);
    for (int i = 0; i < 1000; ++i) {
        const auto room = reader.prepare(700);
        if (room.empty()) break;
        std::memset(room.data(), 0, room.size());
        reader.commit(room.size());
    }
    CHECK(reader.prepare(1).empty());
    CHECK(reader.capacity() == 1004);
    error_code ec;
    while (reader.next(ec)) {}
    CHECK(reader.prepare(700).size() == 700);
}

TEST_CASE("the buffer shrinks after large frames, but not between them") {
    const std::string large(500000, 'x');
    frame_reader reader(1048575);
    CHECK(feed(reader, framed(large), 16384) == frames{large});
    const auto grown = reader.capacity();
    CHECK(grown >= large.size());
    CHECK(grown <= 1048579);

    feed(reader, framed("small"), 16384);
    CHECK(reader.capacity() == grown);
    const std::string torn = framed("torn");
    for (int i = 0; i < 100; ++i) {    // also while a part of a frame is in it
        CHECK(feed(reader, torn.substr(0, 6), 16384).empty());
        CHECK(feed(reader, torn.substr(6), 16384) == frames{"torn"});
    }
    CHECK(reader.capacity() <= 65536);
    CHECK(feed(reader, framed(large), 16384) == frames{large});
}

TEST_CASE("the buffer gives memory back at once when told to, and keeps what is in it") {
    frame_reader reader(1048575);
    CHECK(feed(reader, framed("one"), 65536) == frames{"one"});
    CHECK(reader.capacity() == 65536);
    const std::string torn = framed("torn");
    CHECK(feed(reader, torn.substr(0, 6), 65536).empty());
    reader.shrink(4096);
    CHECK(reader.capacity() == 6 + 4096);
    CHECK(feed(reader, torn.substr(6), 4096) == frames{"torn"});
    CHECK(reader.capacity() == 6 + 4096);
    reader.shrink(4096);    // it is as small as it should be
    CHECK(reader.capacity() == 6 + 4096);
    // Not while more than that is in it.
    const std::string large(30000, 'x');
    CHECK(feed(reader, framed(large).substr(0, 20000), 65536).empty());
    reader.shrink(4096);
    CHECK(reader.capacity() >= 20000);
    CHECK(feed(reader, framed(large).substr(20000), 4096) == frames{large});
    reader.shrink(4096);
    CHECK(reader.capacity() == 4096);
}
