// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/operation.hpp"

#include "proto_zk/records_multi.hpp"

#include <muster/zk/client.hpp>

#include <cstddef>
#include <utility>
#include <variant>

namespace muster::zk {
namespace {

using kind = transaction::operation::kind;
using proto::opcode;

proto::multi_operation encoded(opcode type, proto::multi_operation::record body) {
    proto::multi_operation out;
    out.type = type;
    out.body = std::move(body);
    return out;
}

proto::multi_operation encode_create(const transaction::operation& op, std::string path) {
    const auto mode = op.options.mode;
    const auto flags = static_cast<std::int32_t>(mode);
    if (detail::has_ttl(mode)) {
        return encoded(opcode::create_ttl,
                       proto::create_ttl_request{std::move(path), op.data, op.options.acls, flags, op.options.ttl.count()});
    }
    return encoded(mode == create_mode::container ? opcode::create_container : opcode::create2,
                   proto::create_request{std::move(path), op.data, op.options.acls, flags});
}

proto::multi_operation encode(const transaction::operation& op, std::string_view chroot) {
    auto path = proto::to_server(chroot, op.path, op.what == kind::create && detail::is_sequential(op.options.mode));
    switch (op.what) {
        case kind::create:
            return encode_create(op, std::move(path));
        case kind::remove:
            return encoded(opcode::remove, proto::delete_request{std::move(path), op.version});
        case kind::set:
            return encoded(opcode::set_data, proto::set_data_request{std::move(path), op.data, op.version});
        case kind::check:
            break;
    }
    return encoded(opcode::check, proto::check_version_request{std::move(path), op.version});
}

operation_result decode(const proto::multi_result& in, std::string_view chroot) {
    operation_result out;
    if (const auto* failed = std::get_if<proto::error_response>(&in.body)) {
        if (failed->err != 0) out.ec = error_code(failed->err, server_category());
    } else if (const auto* created = std::get_if<proto::create2_response>(&in.body)) {
        out.path = std::string(proto::to_client(chroot, created->path));
        out.stat = created->stat;
    } else if (const auto* named = std::get_if<proto::create_response>(&in.body)) {
        // Apache's servers up to 3.9 answer create2 inside a multi as create.
        out.path = std::string(proto::to_client(chroot, named->path));
    } else if (const auto* set = std::get_if<proto::stat_response>(&in.body)) {
        out.stat = set->stat;
    }
    return out;
}

read_result decode_read(proto::multi_result& in) {
    read_result out;
    if (const auto* failed = std::get_if<proto::error_response>(&in.body)) {
        if (failed->err != 0) out.ec = error_code(failed->err, server_category());
    } else if (auto* got = std::get_if<proto::get_data_response>(&in.body)) {
        if (got->data) out.data = std::move(*got->data);
        out.stat = got->stat;
    } else if (auto* listed = std::get_if<proto::get_children_response>(&in.body)) {
        out.names = std::move(listed->children);
    }
    return out;
}

/// The results of `asked` operations: as many as were asked, or the reply answers something else.
proto::multi_response results_of(proto::reader& in, std::size_t asked) {
    proto::multi_response response;
    response.read(in);
    if (in.ok() && response.results.size() != asked) in.fail(protocol_errc::bad_multi);
    return response;
}

/// In a failed transaction everything behind the culprit says runtime_inconsistency.
template <class Results>
error_code error_of(const Results& results) {
    error_code ec;
    for (const auto& r : results) {
        if (r.ec && (!ec || ec == server_errc::runtime_inconsistency)) ec = r.ec;
    }
    return ec;
}

}    // namespace

void client::start_multi(asio::any_completion_handler<void(error_code, multi_result)> h, impl_ptr impl, transaction t) {
    detail::call<multi_result> c(std::move(h), std::move(impl));
    proto::multi_request request;
    request.operations.reserve(t.operations().size());
    for (const auto& op : t.operations()) {
        const bool creates = op.what == kind::create;
        if (!detail::legal(op.path, creates && detail::is_sequential(op.options.mode))) return c.fail(client_errc::invalid_path);
        if (creates && !detail::legal_ttl(op.options)) return c.fail(client_errc::invalid_argument);
        request.operations.push_back(encode(op, c.chroot()));
    }
    const auto asked = request.operations.size();
    const auto decode_all = [chroot = c.chroot(), asked](error_code& ec, proto::reader& in, multi_result& results) {
        if (ec) return;
        const auto response = results_of(in, asked);
        if (!in.ok()) return;
        results.reserve(asked);
        for (const auto& r : response.results) results.push_back(decode(r, chroot));
        ec = error_of(results);
    };
    c.send(opcode::multi, false, request, decode_all, {}, t.connection());
}

void client::start_multi_read(asio::any_completion_handler<void(error_code, multi_read_result)> h, impl_ptr impl, read_batch b) {
    detail::call<multi_read_result> c(std::move(h), std::move(impl));
    proto::multi_request request;
    request.operations.reserve(b.operations().size());
    for (const auto& op : b.operations()) {
        if (!detail::legal(op.path)) return c.fail(client_errc::invalid_path);
        request.operations.push_back(
            encoded(op.what == read_batch::operation::kind::get ? opcode::get_data : opcode::get_children,
                    proto::path_watch_request{proto::to_server(c.chroot(), op.path), false}));
    }
    const auto asked = request.operations.size();
    c.send(opcode::multi_read, true, request, [asked](error_code& ec, proto::reader& in, multi_read_result& results) {
        if (ec) return;
        auto response = results_of(in, asked);
        if (!in.ok()) return;
        results.reserve(asked);
        for (auto& r : response.results) results.push_back(decode_read(r));
    });
}

void client::start_check(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path,
                         std::int32_t version) {
    detail::call<> c(std::move(h), std::move(impl));
    if (!detail::legal(path)) return c.fail(client_errc::invalid_path);
    proto::multi_request request;
    request.operations.push_back(
        encoded(opcode::check, proto::check_version_request{proto::to_server(c.chroot(), path), version}));
    // It changes nothing, though the leader numbers it.
    c.send(opcode::multi, true, request, [](error_code& ec, proto::reader& in) {
        if (ec) return;
        const auto response = results_of(in, 1);
        if (in.ok()) ec = decode(response.results.front(), {}).ec;
    });
}

}    // namespace muster::zk
