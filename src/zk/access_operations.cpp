// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/access_operations.hpp>

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_data.hpp"
#include "zk/operation.hpp"

#include <utility>

namespace muster::zk::detail {

using proto::opcode;
using proto::reader;

namespace {

struct no_record {
    void write(proto::writer&) const {}
};

}    // namespace

void start_get_acl(asio::any_completion_handler<void(error_code, acl_result)> h, impl_ptr impl, std::string path) {
    call<acl_result> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::path_request r;
    r.path = proto::to_server(c.chroot(), path);
    c.send(opcode::get_acl, true, r, [](error_code& ec, reader& in, acl_result& result) {
        if (ec) return;
        proto::read(in, result.acls);
        proto::read(in, result.stat);
    });
}

void start_set_acl(asio::any_completion_handler<void(error_code, stat)> h, impl_ptr impl, std::string path, std::vector<acl> acls,
                   std::int32_t version) {
    call<stat> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::set_acl_request r;
    r.path = proto::to_server(c.chroot(), path);
    r.acls = std::move(acls);
    r.version = version;
    c.send(opcode::set_acl, false, r, [](error_code& ec, reader& in, stat& result) {
        if (!ec) proto::read(in, result);
    });
}

void start_add_auth(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string scheme,
                    std::string credentials) {
    call<> c(std::move(h), std::move(impl));
    if (scheme.empty()) return c.fail(client_errc::invalid_argument);
    proto::auth_packet r;
    r.scheme = std::move(scheme);
    r.auth = std::move(credentials);
    c.send(opcode::auth, true, r, decode_nothing);
}

void start_who_am_i(asio::any_completion_handler<void(error_code, std::vector<identity>)> h, impl_ptr impl) {
    call<std::vector<identity>> c(std::move(h), std::move(impl));
    c.send(opcode::who_am_i, true, no_record{}, [](error_code& ec, reader& in, std::vector<identity>& result) {
        if (ec) return;
        proto::who_am_i_response response;
        response.read(in);
        result.reserve(response.clients.size());
        for (auto& i : response.clients) result.emplace_back(std::move(i.auth_scheme), std::move(i.user));
    });
}

}    // namespace muster::zk::detail
