// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/path.hpp"
#include "runtime/completion.hpp"
#include "zk/client_impl.hpp"
#include "zk/guarded_write.hpp"
#include "zk/operation.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace muster::zk::detail {

/// Asks what a guarded_write decides, one request after the other.
///
/// It does not keep the client: who destroys the last handle ends it, as any other operation.
class guarded_call : public std::enable_shared_from_this<guarded_call> {
    using step = guarded_write::step;
    using time_point = runtime::time_point;

    template <class F>
    auto answer(F f) {
        return asio::bind_cancellation_slot(signal_.slot(), [self = shared_from_this(), f = std::move(f)](auto&&... reply) {
            f(std::forward<decltype(reply)>(reply)...);
            self->go_on();
        });
    }

public:
    guarded_call(const client_ref& c, guarded_write w)
        : impl_(c.impl),
          ends_(c.timeout == no_timeout ? time_point::max() : c->world()->now() + runtime::bounded(c.timeout)),
          write_(std::move(w)) {}
    guarded_call(const guarded_call&) = delete;
    guarded_call& operator=(const guarded_call&) = delete;
    virtual ~guarded_call() = default;

    void start(asio::cancellation_slot slot) {
        if (slot.is_connected()) {
            slot.assign([weak = weak_from_this()](asio::cancellation_type type) {
                if (const auto self = weak.lock()) self->cancel(type);
            });
        }
        go_on();
    }

protected:
    const guarded_write& write() const noexcept { return write_; }

    /// Sends the write itself, by one of those below.
    virtual void send(const client_ref& c) = 0;
    virtual void complete(const error_code& ec) = 0;

    void send_create(const client_ref& c, std::string data, create_options options, create_result& made) {
        client::start_create(answer([this, &made](error_code ec, create_result r) {
                                 made = std::move(r);
                                 write_.on_write(ec);
                             }),
                             c, write_.path(), std::move(data), std::move(options));
    }
    void send_set(const client_ref& c, std::string data, std::int32_t version, stat& s) {
        client::start_set(answer([this, &s](error_code ec, const stat& now) {
                              s = now;
                              write_.on_write(ec);
                          }),
                          c, write_.path(), std::move(data), version);
    }
    void send_set_acl(const client_ref& c, std::vector<acl> acls, std::int32_t version, stat& s) {
        start_set_acl(answer([this, &s](error_code ec, const stat& now) {
                          s = now;
                          write_.on_write(ec);
                      }),
                      c, write_.path(), std::move(acls), version);
    }
    void send_remove(const client_ref& c, std::int32_t version) {
        client::start_remove(answer([this](error_code ec) { write_.on_write(ec); }), c, write_.path(), version);
    }

private:
    void cancel(asio::cancellation_type type) {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
        signal_.emit(type);
    }

    /// Under the mutex: requests complete on the client's executor while the caller cancels on its own, and both use the slot.
    void go_on() {
        const std::lock_guard lock(mutex_);
        if (write_.next() == step::done) return complete(write_.error());
        if (cancelled_) return complete(asio::error::operation_aborted);
        const auto impl = impl_.lock();
        if (!impl) return complete(write_.lost() ? write_.lost() : error_code(client_errc::closed));
        // There is no next session that could be asked: see `config::session_renewal`.
        if (write_.lost() && impl->session().ended) return complete(write_.lost());
        const client_ref c(impl, time_left(*impl));
        switch (write_.next()) {
            case step::write:
                return send(c);
            case step::sync:
                return client::start_sync(answer([this](error_code ec) { write_.on_sync(ec); }), c, write_.path());
            case step::list:
                return client::start_children(
                    answer([this](error_code ec, const children_result& r) { write_.on_list(ec, r.names); }), c, write_.parent());
            case step::look:
                return client::start_get(answer([this](error_code ec, const get_result& r) { looked(ec, r); }), c,
                                         write_.target());
            case step::look_at_acl:
                return start_get_acl(
                    answer([this](error_code ec, const acl_result& r) { write_.on_look_at_acl(ec, r.acls, r.stat); }), c,
                    write_.target());
            case step::done:
                return;
        }
    }

    /// All of its requests have the time of one operation together.
    std::chrono::milliseconds time_left(client_impl& impl) const {
        if (ends_ == time_point::max()) return no_timeout;
        return std::chrono::ceil<std::chrono::milliseconds>(ends_ - impl.world()->now());
    }

    void looked(const error_code& ec, const get_result& r) {
        const auto impl = impl_.lock();
        write_.on_look(ec, r.data, r.stat, impl ? impl->session().id : 0);
    }

    const std::weak_ptr<client_impl> impl_;
    const time_point ends_;
    guarded_write write_;
    std::mutex mutex_;
    asio::cancellation_signal signal_;
    bool cancelled_ = false;
};

namespace {

/// A UUID of version 4, as Curator writes it.
std::string make_uuid(runtime::world& w) {
    const std::uint64_t high = (w.random() & ~std::uint64_t{0xf000}) | 0x4000;
    const std::uint64_t low = (w.random() & ~(std::uint64_t{3} << 62)) | std::uint64_t{1} << 63;
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
                       low & 0xffff'ffff'ffff);
}

bool is_ephemeral(create_mode m) noexcept { return m == create_mode::ephemeral || m == create_mode::ephemeral_sequential; }

class protected_create final : public guarded_call {
public:
    using handler = asio::any_completion_handler<void(error_code, create_result)>;

    protected_create(const client_ref& c, handler h, const std::string& path, std::string data, create_options o)
        : guarded_call(c, guarded_write::create(
                              path, [w = c->world()] { return "_c_" + make_uuid(*w) + "-"; }, is_ephemeral(o.mode))),
          data_(std::move(data)),
          options_(std::move(o)),
          done_(std::move(h), c->route()) {}

    asio::cancellation_slot slot() const noexcept { return done_.slot(); }

private:
    void send(const client_ref& c) override {
        written_ = write().path();
        send_create(c, data_, options_, made_);
    }
    void complete(const error_code& ec) override {
        if (write().found()) {
            made_.path = write().target();
            made_.stat = *write().found();
        }
        if (ec) made_ = {};
        // It is all that tells what was made, if anything was: nobody else knows the UUID.
        if (ec && outcome_of(ec) == outcome::unknown) made_.path = written_;
        done_.post(ec, std::move(made_));
    }

    const std::string data_;
    const create_options options_;
    create_result made_;
    std::string written_;    // the last path that was asked for
    runtime::completion<void(error_code, create_result)> done_;
};

/// One whose result is the znode's stat.
class guarded_update : public guarded_call {
public:
    using handler = asio::any_completion_handler<void(error_code, stat)>;

    asio::cancellation_slot slot() const noexcept { return done_.slot(); }

protected:
    guarded_update(const client_ref& c, handler h, guarded_write w, std::int32_t version)
        : guarded_call(c, std::move(w)), version_(version), done_(std::move(h), c->route()) {}

    const std::int32_t version_;
    stat stat_;

private:
    void complete(const error_code& ec) override { done_.post(ec, ec ? stat() : write().found().value_or(stat_)); }

    runtime::completion<void(error_code, stat)> done_;
};

class guarded_set final : public guarded_update {
public:
    guarded_set(const client_ref& c, handler h, const std::string& path, std::string data, std::int32_t version)
        : guarded_update(c, std::move(h), guarded_write::set(path, data, version, c.impl->newest_seen()), version),
          data_(std::move(data)) {}

private:
    void send(const client_ref& c) override { send_set(c, data_, version_, stat_); }

    const std::string data_;
};

class guarded_set_acl final : public guarded_update {
public:
    guarded_set_acl(const client_ref& c, handler h, const std::string& path, std::vector<acl> acls, std::int32_t version)
        : guarded_update(c, std::move(h), guarded_write::set_acl(path, acls, version, c.impl->newest_seen()), version),
          acls_(std::move(acls)) {}

private:
    void send(const client_ref& c) override { send_set_acl(c, acls_, version_, stat_); }

    const std::vector<acl> acls_;
};

class guarded_remove final : public guarded_call {
public:
    using handler = asio::any_completion_handler<void(error_code)>;

    guarded_remove(const client_ref& c, handler h, const std::string& path, std::int32_t version)
        : guarded_call(c, guarded_write::remove(path, version, c.impl->newest_seen())),
          version_(version),
          done_(std::move(h), c->route()) {}

    asio::cancellation_slot slot() const noexcept { return done_.slot(); }

private:
    void send(const client_ref& c) override { send_remove(c, version_); }
    void complete(const error_code& ec) override { done_.post(ec); }

    const std::int32_t version_;
    runtime::completion<void(error_code)> done_;
};

template <class Call, class... Args>
void start(const client_ref& c, Args&&... args) {
    const auto call = std::make_shared<Call>(c, std::forward<Args>(args)...);
    call->start(call->slot());
}

}    // namespace

void start_create_protected(asio::any_completion_handler<void(error_code, create_result)> h, client_ref c, std::string path,
                            std::string data, create_options options) {
    const bool nameless = path.ends_with('/') && !is_sequential(options.mode);
    if (nameless || !legal(path, is_sequential(options.mode))) {
        return call<create_result>(std::move(h), std::move(c)).fail(client_errc::invalid_path);
    }
    start<protected_create>(c, std::move(h), path, std::move(data), std::move(options));
}

void start_set_guarded(asio::any_completion_handler<void(error_code, stat)> h, client_ref c, std::string path, std::string data,
                       std::int32_t version) {
    start<guarded_set>(c, std::move(h), path, std::move(data), version);
}

void start_remove_guarded(asio::any_completion_handler<void(error_code)> h, client_ref c, std::string path,
                          std::int32_t version) {
    start<guarded_remove>(c, std::move(h), path, version);
}

void start_set_acl_guarded(asio::any_completion_handler<void(error_code, stat)> h, client_ref c, std::string path,
                           std::vector<acl> acls, std::int32_t version) {
    start<guarded_set_acl>(c, std::move(h), path, std::move(acls), version);
}

}    // namespace muster::zk::detail
