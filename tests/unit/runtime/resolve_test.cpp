// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/resolve.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <utility>

using namespace muster;
namespace asio = boost::asio;

namespace {

/// A resolver that is silent until it is told. The threads that ask share it, and may outlive the test.
class silent_resolver {
public:
    ~silent_resolver() { tell(); }

    runtime::blocking_resolver resolver() const {
        return [asked = asked_, told = told_](const std::string& host, std::uint16_t port, error_code& ec) {
            ++*asked;
            told.wait();
            if (host == "nowhere") ec = asio::error::host_not_found;
            return std::vector<runtime::endpoint>{{asio::ip::make_address("127.0.0.9"), port}};
        };
    }
    void tell() {
        if (!std::exchange(has_told_, true)) tell_.set_value();
    }
    /// How many times it was asked.
    int asked() const { return *asked_; }

private:
    std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
    std::promise<void> tell_;
    std::shared_future<void> told_ = tell_.get_future().share();
    bool has_told_ = false;
};

struct answer {
    std::optional<error_code> ec;    // unset: none yet
    std::vector<runtime::endpoint> found;

    auto handler() {
        return [this](error_code e, std::vector<runtime::endpoint> f) {
            CHECK(!ec);
            ec = e;
            found = std::move(f);
        };
    }
};

}    // namespace

TEST_SUITE_BEGIN("resolve");

TEST_CASE("who asks for a name that is being resolved gets the same answer; other names do not wait for it") {
    asio::io_context io;
    silent_resolver silent;
    const std::vector<runtime::endpoint> there{{asio::ip::make_address("127.0.0.9"), 2181}};
    answer a, again, port, quick;
    runtime::async_resolve(io.get_executor(), "a", 2181, a.handler(), silent.resolver());
    runtime::async_resolve(io.get_executor(), "a", 2181, again.handler(), silent.resolver());
    runtime::async_resolve(io.get_executor(), "a", 2182, port.handler(), silent.resolver());
    runtime::async_resolve(io.get_executor(), "quick", 1, quick.handler(), [](auto&, auto, error_code& ec) {
        ec = asio::error::host_not_found;
        return std::vector<runtime::endpoint>{};
    });
    io.run_one();
    REQUIRE(quick.ec);
    CHECK(*quick.ec == asio::error::host_not_found);
    CHECK(!a.ec);
    silent.tell();
    io.run();    // it is work of its context
    CHECK(silent.asked() == 2);
    CHECK(a.ec == error_code());
    CHECK(again.ec == error_code());
    CHECK(a.found == there);
    CHECK(again.found == there);
    CHECK(port.found.at(0).port() == 2182);
}

TEST_CASE("who gives up has its answer at once, and nobody else has") {
    asio::io_context io;
    silent_resolver silent;
    answer given_up, waiting;
    asio::cancellation_signal cancel;
    runtime::async_resolve(io.get_executor(), "a", 1, asio::bind_cancellation_slot(cancel.slot(), given_up.handler()),
                           silent.resolver());
    runtime::async_resolve(io.get_executor(), "a", 1, waiting.handler(), silent.resolver());
    CHECK(io.poll() == 0);
    cancel.emit(asio::cancellation_type::terminal);
    CHECK(io.poll() == 1);
    CHECK(given_up.ec == error_code(asio::error::operation_aborted));
    CHECK(!waiting.ec);
    silent.tell();
    io.run();
    CHECK(waiting.ec == error_code());
    cancel.emit(asio::cancellation_type::terminal);    // nothing is left of it
    CHECK(io.poll() == 0);
}

TEST_CASE("a name server that is silent holds neither the run of a context nor its end") {
    silent_resolver silent;
    auto io = std::make_unique<asio::io_context>();
    answer given_up;
    asio::cancellation_signal cancel;
    runtime::async_resolve(io->get_executor(), "a", 1, asio::bind_cancellation_slot(cancel.slot(), given_up.handler()),
                           silent.resolver());
    cancel.emit(asio::cancellation_type::terminal);
    io->run();
    CHECK(given_up.ec == error_code(asio::error::operation_aborted));

    io->restart();
    auto owned = std::make_shared<int>();
    const std::weak_ptr<int> watched = owned;
    bool called = false;
    runtime::async_resolve(
        io->get_executor(), "b", 1, [&called, owned = std::move(owned)](error_code, auto) { called = true; }, silent.resolver());
    CHECK(io->poll() == 0);
    CHECK(!io->stopped());
    io.reset();
    CHECK(watched.expired());
    CHECK(!called);
}

TEST_CASE("a name that nobody waits for any more can be asked for again") {
    asio::io_context io;
    silent_resolver silent;
    answer given_up, later;
    asio::cancellation_signal cancel;
    runtime::async_resolve(io.get_executor(), "nowhere", 1, asio::bind_cancellation_slot(cancel.slot(), given_up.handler()),
                           silent.resolver());
    cancel.emit(asio::cancellation_type::terminal);
    runtime::async_resolve(io.get_executor(), "nowhere", 1, later.handler(), silent.resolver());
    silent.tell();
    io.run();
    CHECK(given_up.ec == error_code(asio::error::operation_aborted));
    CHECK(later.ec == error_code(asio::error::host_not_found));
    CHECK(silent.asked() == 1);
}

TEST_SUITE_END();
