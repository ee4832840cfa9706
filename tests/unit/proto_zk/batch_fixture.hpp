// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Sessions that pack reads into one request, and the server's side of that.
#pragma once

#include "proto_zk/records_multi.hpp"
#include "session_fixture.hpp"

namespace muster::test {

inline proto::session_settings batching(std::size_t hosts = 1) {
    auto s = settings_for_tests();
    s.batch_reads = true;
    s.hosts = hosts;
    return s;
}

inline const std::string no_node = error_code(server_errc::no_node).message();

/// The paths that a batch asks for; empty if it is none.
inline std::vector<std::string> paths_of(const sent_request& r) {
    std::vector<std::string> paths;
    if (!r.is(opcode::multi_read)) return paths;
    for (const auto& op : r.as<proto::multi_request>().operations) {
        CHECK(op.type == opcode::get_data);
        const auto& record = std::get<proto::path_watch_request>(op.body);
        CHECK(!record.watch);
        paths.push_back(record.path);
    }
    return paths;
}

inline proto::multi_result value(std::string data) {
    proto::get_data_response r;
    r.data = std::move(data);
    return {opcode::get_data, r};
}

inline proto::multi_result failure(server_errc e) {
    proto::error_response r;
    r.err = static_cast<std::int32_t>(e);
    return {opcode::error, r};
}

inline std::string batch_reply(std::int32_t xid, std::vector<proto::multi_result> results) {
    return reply_frame(xid, 1, 0, proto::multi_response{std::move(results)});
}

inline std::string batch_reply(const sent_request& r) {
    return batch_reply(r.xid, std::vector<proto::multi_result>(paths_of(r).size(), value("v")));
}

/// A machine whose server has answered a batch.
struct proven : machine {
    explicit proven(std::size_t hosts = 1) : machine(batching(hosts)) {
        attach();
        prove();
    }
    void prove() {
        get("p");
        get("q");
        const auto sent = this->sent();
        REQUIRE(sent.size() == 1);
        REQUIRE(!feed(batch_reply(sent[0])));
        take_log();
    }
    /// Answers all that was written, batches and single requests.
    void serve() {
        for (auto requests = sent(); !requests.empty(); requests = sent()) {
            for (const auto& r : requests) REQUIRE(!feed(r.is(opcode::multi_read) ? batch_reply(r) : reply_frame(r.xid, 1)));
        }
    }
};

}    // namespace muster::test
