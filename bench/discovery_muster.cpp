// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The discovery done by muster's balancer, on one thread; and the instances that all peers find.
#include "bench/discovery_work.hpp"

#include <muster/balancer.hpp>
#include <muster/zk/client.hpp>

#include "registry/layout.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <stdexcept>
#include <utility>

namespace muster::bench {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

zk::config configuration(const std::string& hosts) {
    zk::config cfg(hosts);
    cfg.session_timeout = discovery_work::session_timeout;
    return cfg;
}

instance numbered(std::size_t i) {
    instance one(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255), 8000);
    one.unique_code = fmt::format("{:08x}-5f0c-4c6e-9d3a-0242ac120002", i);    // as long as the identities of Curator
    return one;
}

/// As Curator's JsonInstanceSerializer writes it.
std::string curator_json(const std::string& service, const instance& i) {
    return fmt::format(R"({{"name":"{}","id":"{}","address":"{}","port":{},"sslPort":null,"payload":null,)"
                       R"("registrationTimeUTC":1700000000000,"serviceType":"DYNAMIC","uriSpec":null}})",
                       service, i.unique_code, i.ip, i.port);
}

/// Runs a coroutine to its end; what it throws is thrown here. Whoever forked this process limits the time.
void run_to_end(asio::io_context& ioc, asio::awaitable<void> coroutine) {
    bool ended = false;
    std::exception_ptr failed;
    asio::co_spawn(ioc, std::move(coroutine), [&](std::exception_ptr e) {
        ended = true;
        failed = std::move(e);
    });
    while (!ended) ioc.run_one();
    if (failed) std::rethrow_exception(failed);
}

/// Changes that go out many at a time.
class batch {
public:
    explicit batch(zk::client c) : client_(std::move(c)) {}

    void create(std::string path, std::string data) {
        ++size_;
        changes_.create(std::move(path), std::move(data));
    }
    void remove(std::string path) {
        ++size_;
        changes_.remove(std::move(path));
    }
    /// Commits if there is enough, or if this is the end of it.
    asio::awaitable<void> commit(bool end = false) {
        constexpr std::size_t enough = 500;
        if (size_ < (end ? 1 : enough)) co_return;
        size_ = 0;
        zk::transaction full = std::exchange(changes_, zk::transaction());
        co_await client_.multi(std::move(full));
    }

private:
    zk::client client_;
    zk::transaction changes_;
    std::size_t size_ = 0;
};

asio::awaitable<void> make_instances(const discovery_work& w) {
    const auto ex = co_await asio::this_coro::executor;
    zk::client client(ex, configuration(w.registrar));
    const auto layout = registry::make_micro_service_layout();
    const std::string root = "/" + w.root;
    const std::string ours = layout->service_path(w.root, w.muster_service());
    const std::string theirs = root + "/" + w.curator_service();
    const auto there = co_await client.exists(root);
    batch all(client);
    if (!there) all.create(root, {});
    all.create(ours, {});
    all.create(theirs, {});
    for (std::size_t i = 0; i != w.instances; ++i) {
        const instance one = numbered(i);
        all.create(fmt::format("{}{:010}", layout->normal_prefix(ours), i), layout->encode(one));
        all.create(theirs + "/" + one.unique_code, curator_json(w.curator_service(), one));
        co_await all.commit();
    }
    co_await all.commit(true);
    co_await client.close();
}

asio::awaitable<void> remove_instances(const discovery_work& w) {
    const auto ex = co_await asio::this_coro::executor;
    zk::client client(ex, configuration(w.registrar));
    const std::string root = "/" + w.root;
    const auto services = co_await client.children(root);
    batch all(client);
    for (const std::string& service : services.names) {
        const auto instances = co_await client.children(root + "/" + service);
        for (const std::string& one : instances.names) {
            all.remove(root + "/" + service + "/" + one);
            co_await all.commit();
        }
        all.remove(root + "/" + service);
    }
    all.remove(root);
    co_await all.commit(true);
    co_await client.close();
}

/// Registers and removes one instance after the other, and waits until a balancer has seen it.
class changer {
public:
    changer(zk::client c, balancer& lb, change_stream& seen, const discovery_work& w)
        : client_(std::move(c)), lb_(lb), seen_(seen), work_(w) {}

    asio::awaitable<void> run(std::size_t number, discovery_meter& meter) {
        const instance one = numbered(work_.instances + number);
        const std::string path = layout_->normal_prefix(layout_->service_path(work_.root, work_.muster_service()));
        const std::string data = layout_->encode(one);
        co_await rest();
        auto begin = clock::now();
        client_.create(path, data, zk::create_mode::ephemeral_sequential,
                       [this](error_code ec, const zk::create_result&) { sent(ec); });
        const std::string made = co_await heard(change::kind::added, one);
        meter.added(clock::now() - begin);
        co_await rest();
        begin = clock::now();
        client_.remove(made, zk::any_version, [this](error_code ec) { sent(ec); });
        co_await heard(change::kind::removed, one);
        meter.removed(clock::now() - begin);
    }

private:
    asio::awaitable<void> rest() {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        timer.expires_after(discovery_work::pause);
        co_await timer.async_wait(asio::use_awaitable);
    }

    void sent(error_code ec) {
        if (!ec) return;
        error_ = ec;
        lb_.close([](error_code) {});    // nothing will be heard
    }

    asio::awaitable<std::string> heard(change::kind what, const instance& who) {
        for (;;) {
            change c;
            try {
                c = co_await seen_.next();
            } catch (const std::exception&) {
                if (error_) throw boost::system::system_error(error_, "cannot change the registry");
                throw;
            }
            if (c.what == what && c.instance.unique_code == who.unique_code) co_return c.path;
        }
    }

    const std::shared_ptr<const registry::layout> layout_ = registry::make_micro_service_layout();
    zk::client client_;
    balancer& lb_;
    change_stream& seen_;
    const discovery_work& work_;
    error_code error_;
};

asio::awaitable<void> discover(const discovery_work& w, discovery_meter& meter) {
    const auto ex = co_await asio::this_coro::executor;
    zk::client client(ex, configuration(w.observer));
    co_await client.exists("/");
    balancer_params params;
    params.prefix = w.root;
    params.wait = std::chrono::minutes(1);
    const double before = resident_mib();
    const auto begin = clock::now();
    balancer lb(client, params);
    lease first = co_await lb.pick(w.muster_service());    // nobody is visible before all are
    const auto end = clock::now();
    first.canceled();
    meter.bootstrapped(end - begin, resident_mib() - before);
    const std::size_t seen = lb.view(w.muster_service()).value().instances.size();
    if (seen != w.instances) throw std::runtime_error(fmt::format("{} instances are visible, expected {}", seen, w.instances));

    zk::client registrar(ex, configuration(w.registrar));
    co_await registrar.exists("/");
    change_stream changes = lb.changes(w.muster_service()).value();
    change c;
    do c = co_await changes.next();
    while (c.what != change::kind::fresh);
    changer one_more(registrar, lb, changes, w);
    for (unsigned i = 0; i != w.warm_up; ++i) co_await one_more.run(i, meter);
    meter.warm();
    for (unsigned i = 0; i != w.changes; ++i) co_await one_more.run(w.warm_up + i, meter);
    co_await registrar.close();
    co_await lb.close();
    co_await client.close();
}

}    // namespace

discovery_round run_muster_discovery(const discovery_work& w) {
    asio::io_context ioc(1);    // one thread runs it
    discovery_meter meter(w);
    run_to_end(ioc, discover(w, meter));
    return meter.result();
}

void populate(const discovery_work& w) {
    asio::io_context ioc(1);
    run_to_end(ioc, make_instances(w));
}

void depopulate(const discovery_work& w) {
    asio::io_context ioc(1);
    run_to_end(ioc, remove_instances(w));
}

}    // namespace muster::bench
