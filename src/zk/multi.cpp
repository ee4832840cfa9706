// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/operation.hpp"

#include "proto_zk/path.hpp"
#include "proto_zk/records_multi.hpp"

#include <muster/zk/client.hpp>

#include <utility>
#include <variant>

namespace muster::zk {
namespace {

using kind = transaction::operation::kind;
using proto::opcode;

proto::multi_operation encode_create(const transaction::operation& op, std::string path) {
    const auto mode = op.options.mode;
    proto::multi_operation out;
    if (detail::has_ttl(mode)) {
        proto::create_ttl_request r;
        r.path = std::move(path);
        r.data = op.data;
        r.acls = op.options.acls;
        r.flags = static_cast<std::int32_t>(mode);
        r.ttl = op.options.ttl.count();
        out.type = opcode::create_ttl;
        out.body = std::move(r);
        return out;
    }
    proto::create_request r;
    r.path = std::move(path);
    r.data = op.data;
    r.acls = op.options.acls;
    r.flags = static_cast<std::int32_t>(mode);
    out.type = mode == create_mode::container ? opcode::create_container : opcode::create2;
    out.body = std::move(r);
    return out;
}

proto::multi_operation encode(const transaction::operation& op, std::string_view chroot) {
    auto path = proto::to_server(chroot, op.path);
    proto::multi_operation out;
    switch (op.what) {
        case kind::create:
            return encode_create(op, std::move(path));
        case kind::remove: {
            proto::delete_request r;
            r.path = std::move(path);
            r.version = op.version;
            out.type = opcode::remove;
            out.body = std::move(r);
            break;
        }
        case kind::set: {
            proto::set_data_request r;
            r.path = std::move(path);
            r.data = op.data;
            r.version = op.version;
            out.type = opcode::set_data;
            out.body = std::move(r);
            break;
        }
        case kind::check: {
            proto::check_version_request r;
            r.path = std::move(path);
            r.version = op.version;
            out.type = opcode::check;
            out.body = std::move(r);
            break;
        }
    }
    return out;
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

}    // namespace

void client::start_multi(asio::any_completion_handler<void(error_code, multi_result)> h, impl_ptr impl, transaction t) {
    detail::call<multi_result> c(std::move(h), std::move(impl));
    proto::multi_request request;
    request.operations.reserve(t.operations().size());
    for (const auto& op : t.operations()) {
        const bool creates = op.what == kind::create;
        if (!check_path(op.path, creates && detail::is_sequential(op.options.mode)).empty())
            return c.fail(client_errc::invalid_path);
        if (creates && !detail::legal_ttl(op.options)) return c.fail(client_errc::invalid_argument);
        request.operations.push_back(encode(op, c.chroot()));
    }
    c.send(opcode::multi, false, request, [chroot = c.chroot()](error_code& ec, proto::reader& in, multi_result& results) {
        if (ec) return;
        proto::multi_response response;
        response.read(in);
        if (!in.ok()) return;
        results.reserve(response.results.size());
        for (const auto& r : response.results) results.push_back(decode(r, chroot));
        // In a failed transaction everything behind the culprit says runtime_inconsistency.
        for (const auto& r : results) {
            if (r.ec && (!ec || ec == server_errc::runtime_inconsistency)) ec = r.ec;
        }
    });
}

}    // namespace muster::zk
