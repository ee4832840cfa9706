// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/zk/client_fixture.hpp"

#include "zk/client_impl.hpp"

#include <utility>

namespace muster::test {

runtime::endpoint at(const char* address, std::uint16_t port) { return {asio::ip::make_address(address), port}; }

zk::config config_for_tests(const char* servers) {
    zk::config c(servers);
    c.batch_reads = false;    // the server that a test plays answers request by request
    c.session_timeout = 9s;
    c.connect_timeout = 3s;
    c.close_timeout = 3s;
    return c;
}

zk::client make_client(const asio::any_io_executor& ex, zk::config c, std::shared_ptr<runtime::world> w) {
    return zk::client(std::make_shared<zk::detail::client_impl>(ex, std::move(c), std::move(w)));
}

zk::stat stat_of(std::int64_t czxid) {
    zk::stat s;
    s.czxid = czxid;
    s.data_length = 3;
    return s;
}

proto::connect_request server_end::greet(std::int64_t id, std::chrono::milliseconds timeout) {
    unread += peer->take();
    const auto frames = take_frames(unread);
    REQUIRE(frames.size() == 1);
    peer->send(handshake_frame(id, timeout));
    return parse_connect(frames.front());
}

std::vector<sent_request> server_end::requests() {
    unread += peer->take();
    std::vector<sent_request> out;
    for (const auto& f : take_frames(unread)) out.push_back(parse_request(f));
    return out;
}

fixture::fixture(zk::config c) : fixture(std::move(c), [](std::shared_ptr<sim_world> w) { return w; }) {}
fixture::~fixture() = default;

proto::connect_request fixture::attach(std::int64_t id, std::chrono::milliseconds timeout) {
    client.start();
    std::shared_ptr<sim_peer> peer;
    REQUIRE(sim.run_until([&] { return (peer = sim.world->accept()) != nullptr; }, 1min));
    server = server_end{peer, {}};
    sim.run_ready();
    auto r = server.greet(id, timeout);
    sim.run_ready();
    return r;
}

void fixture::lose() {
    server.peer->close();
    sim.run_ready();
}

std::vector<sent_request> fixture::requests() {
    sim.run_ready();
    return server.requests();
}

sent_request fixture::request() {
    auto all = requests();
    REQUIRE(all.size() == 1);
    return std::move(all.front());
}

}    // namespace muster::test
