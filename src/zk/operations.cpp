// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/operation.hpp"

#include "proto_zk/path.hpp"
#include "proto_zk/records_data.hpp"
#include "zk/subscription.hpp"

#include <muster/zk/client.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::zk {

using detail::call;
using detail::decode_nothing;
using detail::legal;
using proto::opcode;
using proto::reader;

namespace {

proto::path_watch_request path_watch(std::string path, bool watch) {
    proto::path_watch_request r;
    r.path = std::move(path);
    r.watch = watch;
    return r;
}

/// Reads that watch differ from those that do not in one more result.
template <class Result, class Decode>
void read(opcode type, call<Result> c, std::string path, Decode decode) {
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    const auto request = path_watch(proto::to_server(c.chroot(), std::move(path)), false);
    c.send(type, true, request, std::move(decode));
}

/// `kind_of(ec)` tells which watch the server has armed with this reply, if any; `arms` is what it may arm.
template <class Result, class Decode, class KindOf>
void read_and_watch(opcode type, proto::watch_kind arms, call<Result, watcher> c, std::string path, Decode decode,
                    KindOf kind_of) {
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    const auto request = path_watch(proto::to_server(c.chroot(), std::move(path)), true);
    c.send(
        type, true, request,
        [impl = c.impl().get(), server_path = request.path, decode = std::move(decode), kind_of](error_code& ec, reader& in,
                                                                                                 Result& result, watcher& w) {
            const std::optional<proto::watch_kind> kind = kind_of(ec);
            decode(ec, in, result);
            if (kind && in.ok()) w = watcher(impl->make_subscription(*kind, server_path));
        },
        detail::armed_watch{request.path, arms});
}

void decode_exists(error_code& ec, reader& in, std::optional<stat>& result) {
    if (ec == server_errc::no_node) {
        ec = {};
    } else if (!ec) {
        proto::read(in, result.emplace());
    }
}

void decode_get(error_code& ec, reader& in, get_result& result) {
    if (ec) return;
    if (const auto data = in.buffer()) result.data = *data;
    proto::read(in, result.stat);
}

void decode_children(error_code& ec, reader& in, children_result& result) {
    if (ec) return;
    proto::read(in, result.names);
    proto::read(in, result.stat);
}

}    // namespace

void client::start_create(asio::any_completion_handler<void(error_code, create_result)> h, impl_ptr impl, std::string path,
                          std::string data, create_options options) {
    call<create_result> c(std::move(h), std::move(impl));
    const auto mode = options.mode;
    if (!legal(path, detail::is_sequential(mode))) return c.fail(client_errc::invalid_path);
    if (!detail::legal_ttl(options)) return c.fail(client_errc::invalid_argument);

    const auto decode = [chroot = c.chroot()](error_code& ec, reader& in, create_result& result) {
        if (ec) return;
        result.path = std::string(proto::to_client(chroot, in.string()));
        proto::read(in, result.stat);
    };
    auto server_path = proto::to_server(c.chroot(), path, detail::is_sequential(mode));
    if (detail::has_ttl(mode)) {
        proto::create_ttl_request r;
        r.path = std::move(server_path);
        r.data = std::move(data);
        r.acls = std::move(options.acls);
        r.flags = static_cast<std::int32_t>(mode);
        r.ttl = options.ttl.count();
        c.send(opcode::create_ttl, false, r, decode);
        return;
    }
    proto::create_request r;
    r.path = std::move(server_path);
    r.data = std::move(data);
    r.acls = std::move(options.acls);
    r.flags = static_cast<std::int32_t>(mode);
    c.send(mode == create_mode::container ? opcode::create_container : opcode::create2, false, r, decode);
}

void client::start_remove(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path,
                          std::int32_t version) {
    call<> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::delete_request r;
    r.path = proto::to_server(c.chroot(), path);
    r.version = version;
    c.send(opcode::remove, false, r, decode_nothing);
}

void client::start_exists(asio::any_completion_handler<void(error_code, std::optional<stat>)> h, impl_ptr impl,
                          std::string path) {
    read(opcode::exists, call<std::optional<stat>>(std::move(h), std::move(impl)), std::move(path), decode_exists);
}

void client::start_exists_and_watch(asio::any_completion_handler<void(error_code, std::optional<stat>, watcher)> h, impl_ptr impl,
                                    std::string path) {
    read_and_watch(opcode::exists, proto::watch_kind::exist, call<std::optional<stat>, watcher>(std::move(h), std::move(impl)),
                   std::move(path), decode_exists, [](const error_code& ec) -> std::optional<proto::watch_kind> {
                       if (!ec) return proto::watch_kind::data;
                       if (ec == server_errc::no_node) return proto::watch_kind::exist;
                       return std::nullopt;
                   });
}

void client::start_get(asio::any_completion_handler<void(error_code, get_result)> h, impl_ptr impl, std::string path) {
    read(opcode::get_data, call<get_result>(std::move(h), std::move(impl)), std::move(path), decode_get);
}

void client::start_get_and_watch(asio::any_completion_handler<void(error_code, get_result, watcher)> h, impl_ptr impl,
                                 std::string path) {
    read_and_watch(opcode::get_data, proto::watch_kind::data, call<get_result, watcher>(std::move(h), std::move(impl)),
                   std::move(path), decode_get, [](const error_code& ec) -> std::optional<proto::watch_kind> {
                       if (ec) return std::nullopt;
                       return proto::watch_kind::data;
                   });
}

void client::start_set(asio::any_completion_handler<void(error_code, stat)> h, impl_ptr impl, std::string path, std::string data,
                       std::int32_t version) {
    call<stat> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::set_data_request r;
    r.path = proto::to_server(c.chroot(), path);
    r.data = std::move(data);
    r.version = version;
    c.send(opcode::set_data, false, r, [](error_code& ec, reader& in, stat& result) {
        if (!ec) proto::read(in, result);
    });
}

void client::start_children(asio::any_completion_handler<void(error_code, children_result)> h, impl_ptr impl, std::string path) {
    read(opcode::get_children2, call<children_result>(std::move(h), std::move(impl)), std::move(path), decode_children);
}

void client::start_children_and_watch(asio::any_completion_handler<void(error_code, children_result, watcher)> h, impl_ptr impl,
                                      std::string path) {
    read_and_watch(opcode::get_children2, proto::watch_kind::child, call<children_result, watcher>(std::move(h), std::move(impl)),
                   std::move(path), decode_children, [](const error_code& ec) -> std::optional<proto::watch_kind> {
                       if (ec) return std::nullopt;
                       return proto::watch_kind::child;
                   });
}

void client::start_sync(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path) {
    call<> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::path_request r;
    r.path = proto::to_server(c.chroot(), path);
    c.send(opcode::sync, true, r, decode_nothing);
}

void client::start_ephemerals(asio::any_completion_handler<void(error_code, std::vector<std::string>)> h, impl_ptr impl,
                              std::string prefix) {
    call<std::vector<std::string>> c(std::move(h), std::move(impl));
    if (!legal(prefix)) return c.fail(client_errc::invalid_path);
    proto::path_request r;
    r.path = proto::to_server(c.chroot(), prefix);
    c.send(opcode::get_ephemerals, true, r, [chroot = c.chroot()](error_code& ec, reader& in, std::vector<std::string>& paths) {
        if (ec) return;
        proto::read(in, paths);
        // To the server a chroot is a prefix like any other.
        std::erase_if(paths, [&](const std::string& p) { return !proto::within(chroot, p); });
        for (auto& p : paths) p = std::string(proto::to_client(chroot, p));
    });
}

void client::start_all_children_number(asio::any_completion_handler<void(error_code, std::int32_t)> h, impl_ptr impl,
                                       std::string path) {
    call<std::int32_t> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::path_request r;
    r.path = proto::to_server(c.chroot(), path);
    c.send(opcode::get_all_children_number, true, r, [](error_code& ec, reader& in, std::int32_t& number) {
        if (!ec) number = in.i32();
    });
}

}    // namespace muster::zk
