// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What all operations of the client have in common: encoding a request, decoding its reply, completing its handler.
#pragma once

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/path.hpp"
#include "proto_zk/request.hpp"
#include "runtime/completion.hpp"
#include "zk/client_impl.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace muster::zk::detail {

using impl_ptr = client_ref;

struct armed_watch {
    std::string path;    // empty: none
    proto::watch_kind kind = proto::watch_kind::data;
};

// What arming a watch again takes more than asking for it did. One that could not be armed again would keep the client from
// ever using a connection.
constexpr std::size_t rearm_overhead = 32;

inline bool legal(const std::string& path, bool sequential = false) { return check_path(path, sequential).empty(); }

/// For replies without a body.
inline constexpr auto decode_nothing = [](error_code&, proto::reader&) {};

/// True for the modes whose path gets a counter appended.
constexpr bool is_sequential(create_mode m) noexcept {
    return m == create_mode::persistent_sequential || m == create_mode::ephemeral_sequential ||
           m == create_mode::persistent_sequential_with_ttl;
}

constexpr bool has_ttl(create_mode m) noexcept {
    return m == create_mode::persistent_with_ttl || m == create_mode::persistent_sequential_with_ttl;
}

/// False if the mode needs a time to live and `o` has none that is legal.
inline bool legal_ttl(const create_options& o) noexcept {
    constexpr std::int64_t longest = (std::int64_t{1} << 40) - 1;
    return !has_ttl(o.mode) || (o.ttl.count() >= 1 && o.ttl.count() <= longest);
}

/// A request whose reply gives the `Results` of its handler.
///
/// `Decode` is called as `decode(ec, reader, results...)` with the reply's error and body. It sets the results, may change
/// `ec` (a znode that does not exist is no error for `exists`) and may register watches.
template <class Decode, class... Results>
class operation final : public proto::request {
public:
    using completion = runtime::completion<void(error_code, Results...)>;

    operation(completion done, Decode decode) : done_(std::move(done)), decode_(std::move(decode)) {}

    error_code complete(const error_code& reply, std::string_view body) override {
        static_assert(alignof(operation) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "request::operator new knows no other");
        error_code ec = reply;
        error_code undecodable;
        std::tuple<Results...> results;
        const bool answered = !reply || reply.category() == server_category();
        if (answered) {
            proto::reader in(body);
            std::apply([&](Results&... r) { decode_(ec, in, r...); }, results);
            if (!ec && !in.ok()) ec = undecodable = in.error();
            if (undecodable) results = std::tuple<Results...>();
        }
        std::apply([&](Results&... r) { done_.post(ec, std::move(r)...); }, results);
        return undecodable;
    }

private:
    completion done_;
    Decode decode_;
};

/// A call before it is a request: its client and handler.
template <class... Results>
class call {
public:
    using handler = asio::any_completion_handler<void(error_code, Results...)>;

    call(handler h, client_ref ref) : impl_(std::move(ref.impl)), timeout_(ref.timeout), done_(std::move(h), impl_->route()) {}

    const std::shared_ptr<client_impl>& impl() const noexcept { return impl_; }
    const std::string& chroot() const noexcept { return impl_->configuration().servers.chroot(); }

    /// Completes at once.
    void fail(const error_code& ec) { done_.post(ec, Results{}...); }

    /// Encodes `record` and submits it, if there is time. `watch`: what its success arms at the server. `connection`: see
    /// `proto::request`.
    template <class Record, class Decode>
    void send(proto::opcode type, bool repeatable, const Record& record, Decode decode, armed_watch watch = {},
              std::uint64_t connection = 0) {
        if (timeout_ <= timeout_.zero()) return fail(client_errc::deadline_exceeded_unsent);
        std::string frame = proto::spare_memory::string();
        const auto at = proto::begin_frame(frame);
        proto::writer w(frame);
        w.i32(0);    // the xid, filled in when it is written
        w.i32(proto::to_wire(type));
        record.write(w);
        const std::size_t size = frame.size() - 4 + (watch.path.empty() ? 0 : rearm_overhead);
        if (size > impl_->configuration().max_frame) return fail(client_errc::request_too_large);
        proto::end_frame(frame, at);

        const auto id = impl_->next_id();
        if (auto slot = done_.slot(); slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<client_impl>(impl_), id](asio::cancellation_type) {
                if (const auto impl = weak.lock()) impl->cancel(id);
            });
        }
        auto r = std::make_unique<operation<Decode, Results...>>(std::move(done_), std::move(decode));
        r->frame = std::move(frame);
        if (timeout_ != no_timeout) r->deadline.at = impl_->world()->now() + runtime::bounded(timeout_);
        r->id = id;
        r->repeatable = repeatable;
        r->connection = connection;
        r->batchable = type == proto::opcode::get_data && watch.path.empty();
        r->arms = std::move(watch.path);
        r->arms_kind = watch.kind;
        impl_->submit(std::move(r));
    }

private:
    std::shared_ptr<client_impl> impl_;
    std::chrono::milliseconds timeout_;
    runtime::completion<void(error_code, Results...)> done_;
};

}    // namespace muster::zk::detail
