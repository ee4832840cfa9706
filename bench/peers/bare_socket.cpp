// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The floor: the same requests over a blocking socket by a program that is no client. It keeps no session alive, looks at
// nothing in a reply but its error, and does one thing at a time. What it reaches is what the server gives.
#include "bench/workload.hpp"

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "support/zk_frames.hpp"

#include <muster/zk/connect_string.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace muster::bench {
namespace {

namespace asio = boost::asio;
namespace proto = zk::proto;
using tcp = asio::ip::tcp;

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t max_frame = 1'048'575;

template <class Record>
std::string request_frame(proto::opcode op, const Record& record) {
    proto::request_header header;
    header.xid = 1;
    header.type = proto::to_wire(op);
    return test::frame_of(header, record);
}

std::string request_of(const workload& w) {
    proto::path_watch_request read;
    switch (w.op) {
        case client_op::get:
            read.path = w.value_path();
            return request_frame(proto::opcode::get_data, read);
        case client_op::children:
            read.path = w.parent_path();
            return request_frame(proto::opcode::get_children2, read);
        case client_op::set: {
            proto::set_data_request set;
            set.path = w.value_path();
            set.data = std::string(workload::value_size, 'v');
            return request_frame(proto::opcode::set_data, set);
        }
        case client_op::create_delete:
        case client_op::multi:
            break;
    }
    throw std::runtime_error(fmt::format("{}: a bare socket does get, set and children only", to_string(w.op)));
}

class conversation {
public:
    explicit conversation(const workload& w) : socket_(io_), frames_(max_frame) {
        const zk::connect_string servers(w.hosts);
        const auto& where = servers.hosts().front();
        tcp::resolver resolver(io_);
        asio::connect(socket_, resolver.resolve(where.host, std::to_string(where.port)));
        socket_.set_option(tcp::no_delay(true));
        proto::connect_request hello;
        hello.timeout_ms = static_cast<std::int32_t>(workload::session_timeout.count());
        send(test::frame_of(hello));
        while (!next_frame()) receive();
    }

    void send(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }

    void receive() {
        const auto room = frames_.prepare(read_bytes);
        frames_.commit(socket_.read_some(asio::buffer(room.data(), room.size())));
    }

    std::optional<std::string_view> next_frame() {
        error_code ec;
        const auto frame = frames_.next(ec);
        if (ec) throw boost::system::system_error(ec);
        return frame;
    }

private:
    asio::io_context io_;
    tcp::socket socket_;
    proto::frame_reader frames_;
};

}    // namespace

client_round run_bare_socket(const workload& w) {
    const std::string request = request_of(w);
    conversation server(w);
    meter watch(w);
    std::deque<meter::clock::time_point> issued;
    std::string out;
    const auto issue = [&](meter::clock::time_point now) {
        out += request;
        issued.push_back(now);
    };

    watch.begin();
    for (unsigned i = 0; i != w.window; ++i) issue(meter::clock::now());
    while (!issued.empty()) {
        if (!out.empty()) server.send(out);
        out.clear();
        server.receive();
        const auto now = meter::clock::now();
        while (const auto frame = server.next_frame()) {
            proto::reader in(*frame);
            proto::reply_header header;
            header.read(in);
            if (in.error() || header.err != 0) throw std::runtime_error(fmt::format("{}: error {}", to_string(w.op), header.err));
            const auto since = issued.front();
            issued.pop_front();
            if (watch.completed(since, now)) issue(now);
        }
    }
    return watch.result();
}

}    // namespace muster::bench
