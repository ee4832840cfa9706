// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/client_impl.hpp"

#include "proto_zk/records_connect.hpp"
#include "zk/subscription.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muster::zk::detail {
namespace {

using std::chrono::milliseconds;

void require(bool holds, const char* name, milliseconds value, const char* expected) {
    if (holds) return;
    throw boost::system::system_error(client_errc::invalid_argument,
                                      fmt::format("{} of {} ms: expected {}", name, value.count(), expected));
}

void check(const sasl_options& o) {
    const auto wrong = [](const char* why) { throw boost::system::system_error(client_errc::invalid_argument, why); };
    const bool digest = o.mechanism == sasl_mechanism::digest_md5;
    if (!runtime::has_sasl()) wrong("sasl: this library was built without it; the meson option is -Dsasl=enabled");
    if (digest && o.user.empty()) wrong("sasl.user is empty: expected the user's name for DIGEST-MD5");
    if (digest && o.password.empty()) wrong("sasl.password is empty: expected the user's password for DIGEST-MD5");
    if (!digest && !o.password.empty()) wrong("sasl.password is set: GSSAPI takes tickets, expected none");
    if (!digest && o.service.empty()) wrong("sasl.service is empty: expected the first part of the servers' principals");
}

std::size_t max_reply(const config& c) noexcept { return c.max_reply != 0 ? c.max_reply : c.max_frame; }

proto::session_settings settings_of(const config& c) {
    // The protocol has 32 bits for it, and with much longer ones the arithmetic of time points would overflow.
    static constexpr milliseconds longest{2'147'483'647};
    static constexpr milliseconds shortest_attempt{100};    // servers grant more than so short a session timeout
    static constexpr std::size_t smallest_frame = 1'024;
    static constexpr std::size_t largest_frame = 2'147'483'647;
    const auto range = [](const char* name, milliseconds value, milliseconds least) {
        require(value >= least && value <= longest, name, value,
                least.count() == 0 ? "0 to 2147483647 ms" : "1 to 2147483647 ms");
    };
    range("session_timeout", c.session_timeout, milliseconds(1));
    range("connect_timeout", c.connect_timeout, milliseconds(0));
    range("close_timeout", c.close_timeout, milliseconds(0));
    range("operation_timeout", c.operation_timeout, milliseconds(0));
    range("backoff_min", c.backoff_min, milliseconds(1));
    range("backoff_max", c.backoff_max, milliseconds(1));
    require(c.backoff_max >= c.backoff_min, "backoff_max", c.backoff_max, "at least backoff_min");
    const auto frame = [](const char* name, std::size_t bytes) {
        if (bytes >= smallest_frame && bytes <= largest_frame) return;
        throw boost::system::system_error(client_errc::invalid_argument, fmt::format("{} of {} bytes: expected {} to {}", name,
                                                                                     bytes, smallest_frame, largest_frame));
    };
    const auto limit = [](const char* name, std::size_t value, std::size_t least) {
        static constexpr std::size_t most = 2'147'483'647;
        if (value >= least && value <= most) return;
        throw boost::system::system_error(client_errc::invalid_argument,
                                          fmt::format("{} of {}: expected {} to {}", name, value, least, most));
    };
    limit("max_retries", c.max_retries, 0);
    limit("max_requests", c.max_requests, 1);
    limit("max_request_bytes", c.max_request_bytes, smallest_frame);
    frame("max_frame", c.max_frame);
    if (c.max_reply != 0) frame("max_reply", c.max_reply);
    proto::session_settings s;
    s.timeout = c.session_timeout;
    s.connect_timeout = c.connect_timeout.count() != 0 ? c.connect_timeout : std::max(c.session_timeout / 3, shortest_attempt);
    s.close_timeout = c.close_timeout;
    s.backoff_min = c.backoff_min;
    s.backoff_max = c.backoff_max;
    s.hosts = c.servers.hosts().size();
    s.max_frame = max_reply(c);
    s.max_request = c.max_frame;
    s.max_retries = c.max_retries;
    s.batch_reads = c.batch_reads;
    s.renew = c.session_renewal == session_renewal::automatic;
    s.read_only = c.read_only;
    if (c.sasl) check(*c.sasl);
    s.sasl = c.sasl.has_value();
    if (c.log) s.log = c.log_level;
    return s;
}

}    // namespace

std::size_t max_data(const config& c) noexcept {
    constexpr std::size_t length_and_stat = 4 + 68;
    return max_reply(c) - proto::reply_header::bytes - length_and_stat;
}

client_impl::client_impl(asio::any_io_executor ex, config cfg, std::shared_ptr<runtime::world> world)
    : ex_(std::move(ex)),
      config_(std::move(cfg)),
      world_(std::move(world)),
      strand_(asio::make_strand(ex_)),
      hand_over_(asio::require(asio::any_io_executor(*strand_), asio::execution::blocking.never)),
      route_(ex_),
      hosts_(config_.servers.hosts()),
      tried_(hosts_.size()),
      session_(settings_of(config_), world_->random()),
      timer_(world_->make_timer(*strand_)),
      servers_(config_.servers),
      backlog_(config_.max_requests, config_.max_request_bytes) {
    if (!config_.tls) return;
    tls_.emplace(*config_.tls);
    (void)tls_->current().value();
}

// On any thread ------------------------------------------------------------------------------------------------------------

void client_impl::start() {
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_ || std::exchange(started_, true)) return;
    }
    asio::post(*strand_, [self = shared_from_this()] { self->drive(); });
}

void client_impl::abandon() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (!started_ || shut_down_) return;
    }
    asio::post(*strand_, [self = shared_from_this()] {
        self->take_inbox();
        if (self->session_.closing()) return;    // it ends in order
        self->session_.abandon();
        self->proceed({});
    });
}

void client_impl::submit(std::unique_ptr<proto::request> r) {
    bool post = false;
    bool first = false;
    bool refused = false;
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
        // Without the credentials nothing that follows would be right; and there are few.
        if (r->type() != proto::to_wire(proto::opcode::auth)) {
            const std::size_t bytes = r->frame.size();
            refused = !backlog_.admit(bytes);
            if (!refused) r->charged.take(returned_, bytes);
        }
        if (!refused) {
            inbox_.push_back(std::move(r));
            post = !std::exchange(taking_, true);
            first = !started_;
        }
    }
    if (refused) return (void)r->complete(client_errc::overloaded, {});
    if (first) start();
    if (post) post_hand_over();
}

void client_impl::post_hand_over() {
    hand_over_.execute([self = shared_from_this()] {
        self->take_inbox();
        self->write();
    });
}

void client_impl::cancel(std::uint64_t id) {
    if (shut_down()) return;
    asio::post(*strand_, [self = shared_from_this(), id] {
        self->take_inbox();
        self->session_.cancel(id, asio::error::operation_aborted);
        if (self->session_.finished()) self->proceed({});
        self->write();    // what it held up, and what came out of the inbox with it
    });
}

void client_impl::unwatch(std::shared_ptr<subscription> s) {
    if (shut_down()) return;
    asio::post(*strand_, [self = shared_from_this(), s = std::move(s)] {
        if (!self->watches().remove(s->kind(), s->server_path(), s.get())) return;
        self->session_.unwatch(s->kind(), s->server_path());
        self->publish();
        self->write();
    });
}

void client_impl::set_servers(const connect_string& s) {
    bool started = false;
    {
        const std::lock_guard lock(mutex_);
        if (s.chroot() != servers_.chroot()) {
            throw boost::system::system_error(
                client_errc::invalid_argument,
                fmt::format("chroot '{}' of '{}': expected '{}', as before", s.chroot(), s.to_string(), servers_.chroot()));
        }
        servers_ = s;
        if (shut_down_) return;
        started = started_;
    }
    asio::post(*strand_, [self = shared_from_this(), started] {
        self->take_inbox();
        self->publish();    // what is to be told of the servers before
        // Those that were set last: hand-overs of several threads come in any order.
        const auto hosts = self->servers().hosts();
        if (hosts == self->hosts_) return;    // a program may ask for the list again and again
        std::vector<std::optional<std::size_t>> former;
        for (const host_port& h : hosts) {
            const auto it = std::find(self->hosts_.begin(), self->hosts_.end(), h);
            former.emplace_back();
            if (it != self->hosts_.end()) former.back() = static_cast<std::size_t>(it - self->hosts_.begin());
        }
        self->hosts_ = hosts;
        self->tried_.assign(hosts.size(), nullptr);
        self->forget_question();
        const auto why = self->session_.replace_hosts(former, self->world_->random());
        if (self->connection_)
            self->proceed(why);
        else if (started)
            self->drive();
    });
}

connect_string client_impl::servers() const {
    const std::lock_guard lock(mutex_);
    return servers_;
}

bool client_impl::shut_down() const {
    const std::lock_guard lock(mutex_);
    return shut_down_;
}

session_info client_impl::session() const {
    const std::lock_guard lock(mutex_);
    return info_;
}

client_metrics client_impl::metrics() const {
    const std::lock_guard lock(mutex_);
    client_metrics now = metrics_;
    now.requests_outstanding = backlog_.used().requests;
    now.bytes_outstanding = backlog_.used().bytes;
    now.requests_refused = backlog_.refused();
    return now;
}

void client_impl::session_change(std::uint64_t seen, asio::any_completion_handler<void(error_code, session_info)> h) {
    runtime::completion<void(error_code, session_info)> done(std::move(h), route_);
    start();
    std::unique_lock lock(mutex_);
    if (shut_down_) return;
    if (info_.version > seen || info_.ended) {
        session_info now = info_;
        lock.unlock();
        done.post(error_code{}, std::move(now));
        return;
    }
    session_waiters_.add(std::move(done), seen);
}

void client_impl::capacity(asio::any_completion_handler<void(error_code)> h) {
    runtime::completion<void(error_code)> done(std::move(h), route_);
    std::unique_lock lock(mutex_);
    if (shut_down_) return;
    if (!backlog_.full()) {
        lock.unlock();
        done.post(error_code{});
        return;
    }
    capacity_waiters_.add(std::move(done));
}

void client_impl::close(asio::any_completion_handler<void(error_code)> h) {
    runtime::completion<void(error_code)> done(std::move(h), route_);
    start();
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
        close_waiters_.add(std::move(done));
    }
    asio::post(*strand_, [self = shared_from_this()] {
        self->take_inbox();
        self->session_.close(self->world_->now());
        self->proceed({});
    });
}

// On the strand ------------------------------------------------------------------------------------------------------------

void client_impl::take_inbox() {
    taken_.clear();
    {
        const std::lock_guard lock(mutex_);
        taking_ = false;
        taken_.swap(inbox_);
    }
    for (auto& r : taken_) session_.submit(std::move(r));
    taken_.clear();
    arm(session_.deadline());    // theirs may be earlier than what is waited for
}

std::shared_ptr<subscription> client_impl::make_subscription(proto::watch_kind kind, std::string server_path) {
    auto s = std::make_shared<subscription>(shared_from_this(), kind, std::move(server_path));
    runtime::notify_shutdown(ex_, std::weak_ptr<subscription>(s));
    session_.watches().add(kind, s->server_path(), s);
    return s;
}

/// Makes room for what is done, and tells those who wait for it.
void client_impl::give_back() {
    if (returned_.requests == 0) return;
    const std::lock_guard lock(mutex_);
    if (backlog_.give_back(std::exchange(returned_, {}))) capacity_waiters_.complete({});
}

void client_impl::publish() {
    give_back();
    {
        const std::lock_guard lock(mutex_);
        const auto show = [this](const session_info& now) {
            const bool changed = info_.version != now.version;
            info_ = now;
            const auto due = [this](std::uint64_t seen) { return info_.version > seen || info_.ended; };
            if (changed) session_waiters_.complete_if(due, {}, info_);
        };
        if (const auto expired = session_.take_unseen_expiry()) show(*expired);
        show(session_.info());
        metrics_ = session_.metrics();
        metrics_.watched_paths = session_.watches().size();
    }
    log();    // of what can be seen by now
}

void client_impl::finish() {
    timer_->cancel();
    close_waiters_.complete(session_.close_result());
}

void client_impl::on_context_shutdown() noexcept {
    std::vector<std::unique_ptr<proto::request>> inbox;
    {
        const std::lock_guard lock(mutex_);
        shut_down_ = true;
        inbox.swap(inbox_);
    }
    session_waiters_.take();
    close_waiters_.take();
    capacity_waiters_.take();
    session_.discard();
    connection_.reset();
    inquiry_.reset();
    // What belongs to the context must not outlive it.
    timer_.reset();
}

void client_impl::release_executors() noexcept {
    strand_.reset();
    hand_over_ = asio::require(ex_, asio::execution::blocking.never);
    route_.release_strand();
}

}    // namespace muster::zk::detail
