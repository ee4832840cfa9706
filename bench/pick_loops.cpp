// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/pick_loops.hpp"

#include "bench/allocations.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace muster::bench {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

/// Makes the compiler believe that `p` is used.
inline void keep(const void* p) { asm volatile("" : : "r"(p) : "memory"); }

/// Times the turns of a loop in batches, so that reading the clock does not count. The first batches warm up.
class stopwatch {
public:
    static constexpr unsigned batch = 512;

    explicit stopwatch(std::chrono::nanoseconds duration) : duration_(duration) {}

    /// True if one more batch is to be run.
    bool next_batch() noexcept {
        if (begun_ < warm_up) {
            if (++begun_ == warm_up) {
                allocations_ = allocations_of_this_thread();
                start_ = clock::now();
            }
            return true;
        }
        ++batches_;
        elapsed_ = clock::now() - start_;
        return elapsed_ < duration_;
    }

    pick_sample sample() const noexcept {
        const double ops = static_cast<double>(batches_) * batch;
        const auto ns = static_cast<double>(std::chrono::nanoseconds(elapsed_).count());
        return {ns / ops, ops / ns * 1e9, static_cast<double>(allocations_of_this_thread() - allocations_) / ops};
    }

private:
    static constexpr unsigned warm_up = 4;

    std::chrono::nanoseconds duration_;
    unsigned begun_ = 0;
    std::uint64_t batches_ = 0;
    std::uint64_t allocations_ = 0;
    clock::time_point start_{};
    clock::duration elapsed_{};
};

/// Runs `loop` on so many threads at the same time; on this one if it is one.
pick_sample on_threads(unsigned threads, const std::function<pick_sample()>& loop) {
    if (threads == 1) return loop();
    std::vector<pick_sample> samples(threads);
    std::vector<std::exception_ptr> failures(threads);
    std::barrier all_there(static_cast<std::ptrdiff_t>(threads));
    {
        std::vector<std::jthread> running;
        for (unsigned i = 0; i != threads; ++i) {
            running.emplace_back([&, i] {
                all_there.arrive_and_wait();
                try {
                    samples[i] = loop();
                } catch (...) {
                    failures[i] = std::current_exception();
                }
            });
        }
    }
    pick_sample all;
    for (unsigned i = 0; i != threads; ++i) {
        if (failures[i]) std::rethrow_exception(failures[i]);
        all.ns_per_op += samples[i].ns_per_op / threads;
        all.ops_per_s += samples[i].ops_per_s;
        all.allocs_per_op += samples[i].allocs_per_op / threads;
    }
    return all;
}

/// What is passed to picks, turn by turn: for hash policies many keys of 20 bytes, else none.
class arguments {
public:
    explicit arguments(muster::policy p) : keys_(needs_key(p) ? 1024 : 1), options_(keys_.size()) {
        for (std::size_t i = 0; i != keys_.size(); ++i) {
            if (keys_.size() > 1) keys_[i] = fmt::format("/item/{:08x}/detail", i * 2654435761U);
            options_[i].policy = p;
            options_[i].key = keys_[i];
        }
    }
    const std::string& key(unsigned turn) const noexcept { return keys_[turn & (keys_.size() - 1)]; }
    const pick_options& options(unsigned turn) const noexcept { return options_[turn & (keys_.size() - 1)]; }

private:
    std::vector<std::string> keys_;
    std::vector<pick_options> options_;
};

void give_back(lease& l) {
    keep(&*l);
    l.success();
}

pick_sample loop_try_pick(balancer& lb, const std::string& service, const arguments& a, std::chrono::nanoseconds duration) {
    stopwatch w(duration);
    while (w.next_batch()) {
        for (unsigned i = 0; i != stopwatch::batch; ++i) {
            auto l = lb.try_pick(service, a.options(i));
            give_back(l.value());
        }
    }
    return w.sample();
}

pick_sample loop_picker(picker& p, const arguments& a, std::chrono::nanoseconds duration) {
    stopwatch w(duration);
    while (w.next_batch()) {
        for (unsigned i = 0; i != stopwatch::batch; ++i) {
            error_code ec;
            lease l = p.try_pick(ec, a.key(i));
            if (ec) throw boost::system::system_error(ec);
            give_back(l);
        }
    }
    return w.sample();
}

asio::awaitable<pick_sample> loop_pick(balancer& lb, const std::string& service, const arguments& a,
                                       std::chrono::nanoseconds duration) {
    stopwatch w(duration);
    while (w.next_batch()) {
        for (unsigned i = 0; i != stopwatch::batch; ++i) {
            lease l = co_await lb.pick(service, a.options(i));
            give_back(l);
        }
    }
    co_return w.sample();
}

asio::awaitable<pick_sample> loop_picker_pick(picker& p, const arguments& a, std::chrono::nanoseconds duration) {
    stopwatch w(duration);
    while (w.next_batch()) {
        for (unsigned i = 0; i != stopwatch::batch; ++i) {
            lease l = co_await p.pick(a.key(i));
            give_back(l);
        }
    }
    co_return w.sample();
}

/// Runs a coroutine to its end on this thread.
pick_sample run_to_end(asio::awaitable<pick_sample> loop) {
    asio::io_context ioc(1);
    pick_sample sample;
    std::exception_ptr failed;
    asio::co_spawn(ioc, std::move(loop), [&](std::exception_ptr e, pick_sample s) {
        failed = std::move(e);
        sample = s;
    });
    ioc.run();
    if (failed) std::rethrow_exception(failed);
    return sample;
}

}    // namespace

pick_sample run_picks(balancer& lb, const std::string& service, const pick_case& c, std::chrono::nanoseconds duration) {
    const arguments a(c.policy);
    pick_options kept;
    kept.policy = c.policy;
    const picker original = lb.picker(service, kept).value();
    return on_threads(c.threads, [&]() -> pick_sample {
        picker own = original;
        switch (c.api) {
            case pick_api::try_pick:
                return loop_try_pick(lb, service, a, duration);
            case pick_api::picker:
                return loop_picker(own, a, duration);
            case pick_api::co_await_pick:
                return run_to_end(loop_pick(lb, service, a, duration));
            case pick_api::co_await_picker:
                return run_to_end(loop_picker_pick(own, a, duration));
        }
        return {};
    });
}

pick_sample run_floor(std::size_t instances, unsigned threads, std::chrono::nanoseconds duration) {
    const std::vector<instance> elements(instances);
    std::atomic<std::uint64_t> version{1};
    return on_threads(threads, [&] {
        std::uint64_t seen = 0;
        std::vector<const instance*> array;
        std::size_t next = 0;
        stopwatch w(duration);
        while (w.next_batch()) {
            for (unsigned i = 0; i != stopwatch::batch; ++i) {
                if (version.load(std::memory_order_acquire) != seen) {
                    seen = version.load(std::memory_order_acquire);
                    array.clear();
                    for (const instance& e : elements) array.push_back(&e);
                    next = 0;
                }
                keep(array[next]);
                if (++next == array.size()) next = 0;
            }
        }
        return w.sample();
    });
}

}    // namespace muster::bench
