// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/watch_operations.hpp>

#include "proto_zk/records_watch.hpp"
#include "zk/operation.hpp"
#include "zk/subscription.hpp"

#include <utility>

namespace muster::zk::detail {

using proto::opcode;
using proto::reader;

namespace {

proto::remove_watches_request about(const std::string& chroot, const std::string& path, watch_type type) {
    proto::remove_watches_request r;
    r.path = proto::to_server(chroot, path);
    r.type = static_cast<std::int32_t>(type);
    return r;
}

}    // namespace

void start_add_watch(asio::any_completion_handler<void(error_code, watcher)> h, impl_ptr impl, std::string path,
                     add_watch_mode mode) {
    call<watcher> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    proto::add_watch_request r;
    r.path = proto::to_server(c.chroot(), path);
    r.mode = static_cast<std::int32_t>(mode);
    const auto kind = mode == add_watch_mode::persistent ? proto::watch_kind::persistent : proto::watch_kind::recursive;
    // Sent again after a lost connection: the watch, if it was set, went with the connection.
    c.send(
        opcode::add_watch, true, r,
        [impl = c.impl().get(), path = r.path, kind](error_code& ec, reader& in, watcher& w) {
            if (ec) return;
            if (const auto err = in.i32(); in.ok() && err != 0) {
                ec = error_code(err, server_category());
            } else if (in.ok()) {
                w = watcher(impl->make_subscription(kind, path));
            }
        },
        armed_watch{r.path, kind});
}

void start_check_watches(asio::any_completion_handler<void(error_code, bool)> h, impl_ptr impl, std::string path,
                         watch_type type) {
    call<bool> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    c.send(opcode::check_watches, true, about(c.chroot(), path, type), [](error_code& ec, reader&, bool& watched) {
        watched = !ec;
        if (ec == server_errc::no_watcher) ec = {};
    });
}

void start_remove_watches(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path) {
    call<> c(std::move(h), std::move(impl));
    if (!legal(path)) return c.fail(client_errc::invalid_path);
    const auto r = about(c.chroot(), path, watch_type::any);
    // Sent again after a lost connection: the next server was told to arm them again.
    // The session ends the watchers, since it must do so also for a caller who gave up.
    c.send(opcode::remove_watches, true, r, [](error_code& ec, reader&) {
        if (ec == server_errc::no_watcher) ec = {};
    });
}

}    // namespace muster::zk::detail
