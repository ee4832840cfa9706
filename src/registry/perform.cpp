// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/perform.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>

#include <optional>
#include <utility>

namespace muster::registry {
namespace {

namespace asio = boost::asio;

reply failed(const error_code& ec) {
    reply out;
    out.ec = ec;
    return out;
}

reply read(const error_code& ec, zk::get_result&& got) {
    reply out = failed(ec);
    out.data = std::move(got.data);
    out.stat = got.stat;
    return out;
}

reply listed(const error_code& ec, zk::children_result&& got) {
    reply out = failed(ec);
    out.names = std::move(got.names);
    return out;
}

reply found(const error_code& ec, const std::optional<zk::stat>& got) {
    reply out = failed(ec);
    out.stat = got;
    return out;
}

}    // namespace

void perform(zk::client& c, const asio::any_io_executor& ex, asio::cancellation_slot slot, request r, perform_handler h) {
    using kind = request::kind;
    const auto token = [&](auto f) { return asio::bind_cancellation_slot(slot, asio::bind_executor(ex, std::move(f))); };
    const auto plain = [h](error_code ec) { h(failed(ec), {}); };
    switch (r.what) {
        case kind::create:
            c.create(std::move(r.path), std::move(r.data), zk::create_options(r.mode),
                     token([h](error_code ec, zk::create_result made) {
                         reply out = failed(ec);
                         out.path = std::move(made.path);
                         out.stat = made.stat;
                         h(std::move(out), {});
                     }));
            return;
        case kind::remove:
            r.ops.remove(std::move(r.path), r.version).on_connection(r.connection);
            c.multi(std::move(r.ops), token([h](error_code ec, const zk::multi_result&) { h(failed(ec), {}); }));
            return;
        case kind::sync:
            c.sync(std::move(r.path), token(plain));
            return;
        case kind::set:
            r.ops.set(std::move(r.path), std::move(r.data), r.version).on_connection(r.connection);
            c.multi(std::move(r.ops), token([h](error_code ec, const zk::multi_result& results) {
                        h(found(ec, ec || results.empty() ? std::nullopt : std::optional(results.front().stat)), {});
                    }));
            return;
        case kind::multi:
            r.ops.on_connection(r.connection);
            c.multi(std::move(r.ops), token([h](error_code ec, zk::multi_result results) {
                        reply out = failed(ec);
                        out.results = std::move(results);
                        h(std::move(out), {});
                    }));
            return;
        case kind::add_watch:
            c.add_watch(std::move(r.path), zk::add_watch_mode::persistent_recursive,
                        token([h](error_code ec, zk::watcher w) { h(failed(ec), std::move(w)); }));
            return;
        case kind::get:
            if (r.watch) {
                c.get_and_watch(std::move(r.path), token([h](error_code ec, zk::get_result got, zk::watcher w) {
                                    h(read(ec, std::move(got)), std::move(w));
                                }));
            } else {
                c.get(std::move(r.path), token([h](error_code ec, zk::get_result got) { h(read(ec, std::move(got)), {}); }));
            }
            return;
        case kind::children:
            if (r.watch) {
                c.children_and_watch(std::move(r.path), token([h](error_code ec, zk::children_result got, zk::watcher w) {
                                         h(listed(ec, std::move(got)), std::move(w));
                                     }));
            } else {
                c.children(std::move(r.path),
                           token([h](error_code ec, zk::children_result got) { h(listed(ec, std::move(got)), {}); }));
            }
            return;
        case kind::exists:
            if (r.watch) {
                c.exists_and_watch(std::move(r.path), token([h](error_code ec, std::optional<zk::stat> s, zk::watcher w) {
                                       h(found(ec, s), std::move(w));
                                   }));
            } else {
                c.exists(std::move(r.path), token([h](error_code ec, std::optional<zk::stat> s) { h(found(ec, s), {}); }));
            }
            return;
    }
}

}    // namespace muster::registry
