// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/network.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

/// Where no server ever is.
const auto nowhere = asio::ip::make_address_v4("10.9.9.9");

class stream final : public runtime::byte_stream {
public:
    stream(asio::any_io_executor ex, std::shared_ptr<connection> c) : ex_(std::move(ex)), connection_(std::move(c)) {}
    ~stream() override { stream::close(); }

    void async_read_some(asio::mutable_buffer b, runtime::size_handler h) override { connection_->read(b, {std::move(h), ex_}); }
    std::size_t try_write(asio::const_buffer b, error_code& ec) override { return connection_->try_write(b, ec); }
    void async_write(asio::const_buffer b, runtime::size_handler h) override { connection_->write(b, {std::move(h), ex_}); }
    std::size_t undelivered() noexcept override { return connection_->undelivered(); }
    void close() noexcept override { connection_->close(); }

private:
    const asio::any_io_executor ex_;
    const std::shared_ptr<connection> connection_;
};

}    // namespace

network::network(kernel& k, fault_counts& faults) : kernel_(k), faults_(faults), chance_(k.chance("network")) {}

// Names --------------------------------------------------------------------------------------------------------------------

void network::look_up::end(const error_code& ec, std::vector<runtime::endpoint> found) {
    if (!done) return;
    resolve_completion d(std::move(*done));
    done.reset();
    d.post(ec, std::move(found));
}

void network::resolve(process& p, resolve_completion done, const std::string& host, std::uint16_t port) {
    auto l = std::make_shared<look_up>(look_up{p, {}});
    l->done.emplace(std::move(done));
    if (p.dead()) return l->end(asio::error::operation_aborted, {});
    look_ups_.push_back(l);

    instant takes = chance_.between(100us, 5ms);
    error_code ec;
    std::vector<runtime::endpoint> found;
    const auto name = names_.find(host);
    const auto t = troubles_.find(host);
    switch (t == troubles_.end() ? trouble::none : t->second) {
        case trouble::slow:
            faults_.count(fault::name_slow);
            takes += chance_.between(500ms, 20s);
            [[fallthrough]];
        case trouble::none:
            if (name != names_.end()) {
                for (const auto& a : name->second) found.emplace_back(a, port);
            }
            break;
        case trouble::elsewhere:
            // At an address where nobody is, at another server's, or at one after the other.
            faults_.count(fault::name_elsewhere);
            if (chance_.percent(50)) found.emplace_back(nowhere, port);
            if (found.empty() || chance_.percent(50)) {
                const auto one = std::next(sites_.begin(), static_cast<std::ptrdiff_t>(chance_.below(sites_.size())));
                found.emplace_back(one->second.address.address(), port);
            }
            break;
        case trouble::missing:
            faults_.count(fault::name_missing);
            break;
    }
    if (found.empty()) ec = asio::error::host_not_found;
    kernel_.after(takes, [this, l, ec, found = std::move(found)] {
        l->client.when_awake([this, l, ec, found] {
            l->end(ec, found);
            std::erase(look_ups_, l);
        });
    });
}

// Connections --------------------------------------------------------------------------------------------------------------

void network::attempt::end(const error_code& ec, std::shared_ptr<runtime::byte_stream> s) {
    if (!done) {
        if (s) s->close();
        return;
    }
    connect_completion d(std::move(*done));
    done.reset();
    d.post(ec, std::move(s));
}

network::site* network::at(const runtime::endpoint& e) noexcept {
    for (auto& [number, s] : sites_) {
        if (s.address == e) return &s;
    }
    return nullptr;
}

void network::connect(process& p, const asio::any_io_executor& ex, const runtime::endpoint& to, connect_completion done) {
    auto a = std::make_shared<attempt>(attempt{p, ex, to, {}, false});
    auto slot = done.slot();
    a->done.emplace(std::move(done));
    if (p.dead()) return a->end(asio::error::operation_aborted);
    if (slot.is_connected()) {
        slot.assign([weak = std::weak_ptr(a)](asio::cancellation_type) {
            if (const auto held = weak.lock()) held->end(asio::error::operation_aborted);
        });
    }
    attempts_.push_back(a);
    kernel_.after(chance_.between(100us, 3ms), [this, a] { decide(a); });
}

void network::decide(const std::shared_ptr<attempt>& a) {
    if (a->decided) return;
    if (!a->done) {
        std::erase(attempts_, a);
        return;
    }
    const auto end = [this, a](const error_code& ec, std::shared_ptr<runtime::byte_stream> s = nullptr) {
        a->decided = true;
        a->client.when_awake([this, a, ec, s = std::move(s)] {
            a->end(ec, s);
            std::erase(attempts_, a);
        });
    };
    site* s = at(a->to);
    if (!s) return end(asio::error::connection_refused);
    const auto number = static_cast<std::size_t>(
        std::find_if(sites_.begin(), sites_.end(), [s](const auto& x) { return &x.second == s; })->first);
    if (s->hanging || parted(a->client, number)) {    // it goes on when that ends
        if (s->hanging) faults_.count(fault::connect_hangs);
        return;
    }
    if (s->refusing && s->who) faults_.count(fault::connect_refused);
    if (s->refusing || !s->who) return end(asio::error::connection_refused);
    const auto c = std::make_shared<connection>(a->client, number, ++last_connection_, chance_, faults_);
    sweep();
    connections_.push_back(c);
    kernel_.note("conn{} of {} to s{} stands", c->number(), a->client.name(), number);
    if (auto r = s->who->accept(c)) c->attach(std::move(r));
    end({}, std::make_shared<stream>(a->ex, c));
}

void network::sweep() {
    std::erase_if(connections_, [](const auto& c) { return c->over(); });
}

void network::retry_hanging() {
    const auto all = attempts_;
    for (const auto& a : all) {
        if (a->done && !a->decided) kernel_.after(chance_.between(1ms, 1s), [this, a] { decide(a); });
    }
}

void network::on_death(process& p) {
    const auto attempts = attempts_;
    for (const auto& a : attempts) {
        if (&a->client == &p) a->end(asio::error::operation_aborted);
    }
    const auto look_ups = look_ups_;
    for (const auto& l : look_ups) {
        if (&l->client == &p) l->end(asio::error::operation_aborted, {});
    }
    std::erase_if(attempts_, [](const auto& a) { return !a->done; });
    std::erase_if(look_ups_, [](const auto& l) { return !l->done; });
    const auto connections = connections_;
    for (const auto& c : connections) {
        if (&c->client() == &p) c->abandon();
    }
}

// Servers and faults -------------------------------------------------------------------------------------------------------

void network::listen(std::size_t number, const runtime::endpoint& address, acceptor* who) {
    sites_[number].address = address;
    sites_[number].who = who;
}

void network::refuse(std::size_t server, bool on) { sites_[server].refusing = on; }

void network::hang(std::size_t server, bool on) {
    sites_[server].hanging = on;
    if (!on) retry_hanging();
}

void network::part(const process& p, std::size_t server, bool on) {
    const bool changed = on ? parted_.emplace(p.number(), server).second : parted_.erase({p.number(), server}) != 0;
    if (!changed) return;
    for (const auto& c : connections_) {
        if (&c->client() == &p && c->server() == server) c->hold(true, true, on);
    }
    if (!on) retry_hanging();
}

void network::heal() {
    troubles_.clear();
    for (auto& [number, s] : sites_) s.refusing = s.hanging = false;
    for (const auto& c : connections_) {
        if (parted(c->client(), c->server())) c->hold(true, true, false);
    }
    parted_.clear();
    retry_hanging();
}

std::vector<std::shared_ptr<connection>> network::live() {
    std::vector<std::shared_ptr<connection>> out;
    for (const auto& c : connections_) {
        if (c->alive()) out.push_back(c);
    }
    return out;
}

bool network::looks_up(const process& p) const {
    return std::any_of(look_ups_.begin(), look_ups_.end(), [&p](const auto& l) { return &l->client == &p; });
}

std::size_t network::uses_of(const process& p) const {
    const auto of_p = [&p](const auto& x) { return &x->client == &p && x->done; };
    return static_cast<std::size_t>(std::count_if(attempts_.begin(), attempts_.end(), of_p) +
                                    std::count_if(look_ups_.begin(), look_ups_.end(), of_p) +
                                    std::count_if(connections_.begin(), connections_.end(),
                                                  [&p](const auto& c) { return &c->client() == &p && !c->client_closed(); }));
}

}    // namespace muster::sim
