// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What all operations of the client have in common: encoding a request, decoding its reply, completing its handler.
#pragma once

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/request.hpp"
#include "runtime/completion.hpp"
#include "zk/client_impl.hpp"

#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace muster::zk::detail {

using impl_ptr = std::shared_ptr<client_impl>;

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

    call(handler h, impl_ptr impl) : impl_(std::move(impl)), done_(std::move(h), impl_->get_executor(), impl_->order()) {}

    const impl_ptr& impl() const noexcept { return impl_; }
    const std::string& chroot() const noexcept { return impl_->configuration().servers.chroot(); }

    /// Completes at once.
    void fail(const error_code& ec) { done_.post(ec, Results{}...); }

    /// Encodes `record` and submits it.
    template <class Record, class Decode>
    void send(proto::opcode type, bool repeatable, const Record& record, Decode decode) {
        std::string frame;
        const auto at = proto::begin_frame(frame);
        proto::writer w(frame);
        w.i32(0);    // the xid, filled in when it is written
        w.i32(proto::to_wire(type));
        record.write(w);
        proto::end_frame(frame, at);
        if (frame.size() - 4 > impl_->configuration().max_frame) return fail(client_errc::request_too_large);

        const auto id = impl_->next_id();
        if (auto slot = done_.slot(); slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<client_impl>(impl_), id](asio::cancellation_type) {
                if (const auto impl = weak.lock()) impl->cancel(id);
            });
        }
        auto r = std::make_unique<operation<Decode, Results...>>(std::move(done_), std::move(decode));
        r->frame = std::move(frame);
        r->id = id;
        r->repeatable = repeatable;
        impl_->submit(std::move(r));
    }

private:
    impl_ptr impl_;
    runtime::completion<void(error_code, Results...)> done_;
};

}    // namespace muster::zk::detail
