// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The work done by muster's client, with callbacks, on one thread.
#include "bench/workload.hpp"

#include <muster/embedded_server.hpp>
#include <muster/zk/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <fmt/format.h>

#include <deque>
#include <exception>
#include <stdexcept>

namespace muster::bench {
namespace {

namespace asio = boost::asio;

zk::config configuration(const std::string& hosts) {
    zk::config cfg(hosts);
    cfg.session_timeout = workload::session_timeout;
    return cfg;
}

class load {
public:
    load(asio::io_context& ioc, const workload& w, const zk::config& cfg) : w_(w), client_(ioc, cfg), meter_(w) {
        for (std::size_t i = 0; i != workload::multi_size; ++i) multi_paths_.push_back(w.multi_path(i));
        for (unsigned i = 0; i != w.window; ++i) slots_.push_back({w.own_path(i)});
    }

    void start() {
        meter_.begin();
        active_ = slots_.size();
        const auto now = meter::clock::now();
        for (slot& s : slots_) {
            s.issued = now;
            issue(s);
        }
    }

    bool active() const noexcept { return active_ > 0; }

    client_round result() const {
        if (!error_.empty()) throw std::runtime_error(error_);
        return meter_.result();
    }

private:
    /// One of the operations that are outstanding at a time.
    struct slot {
        std::string own_path;
        bool created = false;    // create_delete: the delete is on its way
        meter::clock::time_point issued{};
    };

    void issue(slot& s) {
        switch (w_.op) {
            case client_op::get:
                return client_.get(value_path_, [this, &s](error_code ec, const zk::get_result& r) {
                    complete(s, ec, r.data.size() == workload::value_size);
                });
            case client_op::set:
                return client_.set(value_path_, value_, zk::any_version,
                                   [this, &s](error_code ec, const zk::stat&) { complete(s, ec); });
            case client_op::create_delete:
                if (s.created) return client_.remove(s.own_path, zk::any_version, [this, &s](error_code ec) { complete(s, ec); });
                return client_.create(s.own_path, value_, zk::create_mode::ephemeral,
                                      [this, &s](error_code ec, const zk::create_result&) { complete(s, ec); });
            case client_op::children:
                return client_.children(parent_path_, [this, &s](error_code ec, const zk::children_result& r) {
                    complete(s, ec, r.names.size() == workload::children);
                });
            case client_op::multi: {
                zk::transaction t;
                for (const std::string& path : multi_paths_) t.set(path, value_);
                return client_.multi(std::move(t), [this, &s](error_code ec, const zk::multi_result&) { complete(s, ec); });
            }
        }
    }

    void complete(slot& s, const error_code& ec, bool right_size = true) {
        if (ec || !right_size) {
            if (error_.empty()) error_ = ec ? fmt::format("{}: {}", to_string(w_.op), ec.message()) : "a reply of the wrong size";
            return retire();
        }
        if (w_.op == client_op::create_delete) {
            s.created = !s.created;
            if (s.created) return issue(s);
        }
        const auto now = meter::clock::now();
        if (!error_.empty() || !meter_.completed(s.issued, now)) return retire();
        s.issued = now;
        issue(s);
    }

    void retire() {
        if (--active_ == 0) client_.close([](error_code) {});
    }

    const workload& w_;
    zk::client client_;
    meter meter_;
    const std::string value_ = std::string(workload::value_size, 'v');
    const std::string value_path_ = w_.value_path();
    const std::string parent_path_ = w_.parent_path();
    std::vector<std::string> multi_paths_;
    std::deque<slot> slots_;
    std::size_t active_ = 0;
    std::string error_;
};

/// Runs a coroutine that talks to `hosts` to its end; what it throws is thrown here.
void run_to_end(const std::string& hosts, asio::awaitable<void> coroutine) {
    constexpr std::chrono::seconds patience{10};
    asio::io_context ioc(1);
    bool ended = false;
    std::exception_ptr failed;
    asio::co_spawn(ioc, std::move(coroutine), [&](std::exception_ptr e) {
        ended = true;
        failed = std::move(e);
    });
    ioc.run_for(patience);
    if (failed) std::rethrow_exception(failed);
    if (!ended) throw std::runtime_error(fmt::format("no answer from \"{}\" within {} s", hosts, patience.count()));
}

std::string child_path(const std::string& parent, std::size_t i) { return fmt::format("{}/c{:06}", parent, i); }

asio::awaitable<void> make_znodes(std::string hosts, std::string root) {
    const auto ex = co_await asio::this_coro::executor;
    zk::client client(ex, configuration(hosts));
    workload names;
    names.root = std::move(root);
    const std::string value(workload::value_size, 'v');
    zk::transaction nodes;
    nodes.create(names.root, {}).create(names.value_path(), value).create(names.parent_path(), {});
    for (std::size_t i = 0; i != workload::multi_size; ++i) nodes.create(names.multi_path(i), value);
    co_await client.multi(std::move(nodes));
    zk::transaction children;
    for (std::size_t i = 0; i != workload::children; ++i) children.create(child_path(names.parent_path(), i), {});
    co_await client.multi(std::move(children));
    co_await client.close();
}

asio::awaitable<void> remove_znodes(std::string hosts, std::string root) {
    const auto ex = co_await asio::this_coro::executor;
    zk::client client(ex, configuration(hosts));
    workload names;
    names.root = std::move(root);
    zk::transaction all;
    for (std::size_t i = 0; i != workload::children; ++i) all.remove(child_path(names.parent_path(), i));
    for (std::size_t i = 0; i != workload::multi_size; ++i) all.remove(names.multi_path(i));
    all.remove(names.value_path()).remove(names.parent_path()).remove(names.root);
    co_await client.multi(std::move(all));
    co_await client.close();
}

client_round run_configured(const workload& w, const zk::config& cfg) {
    asio::io_context ioc(1);    // one thread runs it
    load l(ioc, w, cfg);
    l.start();
    ioc.run();
    return l.result();
}

}    // namespace

client_round run_muster(const workload& w) { return run_configured(w, configuration(w.hosts)); }

client_round run_muster_unbatched(const workload& w) {
    zk::config cfg = configuration(w.hosts);
    cfg.batch_reads = false;
    return run_configured(w, cfg);
}

client_round run_muster_embedded(const workload& w) {
    asio::io_context ioc(1);
    embedded_server server(ioc);
    server.start();
    workload own = w;
    own.hosts = server.connect_string();
    bool prepared = false;
    std::exception_ptr failed;
    asio::co_spawn(ioc, make_znodes(own.hosts, own.root), [&](std::exception_ptr e) {
        prepared = true;
        failed = std::move(e);
    });
    while (!prepared) ioc.run_one();
    if (failed) std::rethrow_exception(failed);
    load l(ioc, own, configuration(own.hosts));
    l.start();
    while (l.active()) ioc.run_one();
    return l.result();
}

void prepare(const std::string& hosts, const std::string& root) { run_to_end(hosts, make_znodes(hosts, root)); }

void clean_up(const std::string& hosts, const std::string& root) { run_to_end(hosts, remove_znodes(hosts, root)); }

}    // namespace muster::bench
