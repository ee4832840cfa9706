// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Picks with a policy of its own: own_policy HOSTS [COUNT]
#include <muster/balancer.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;

// "quiet": of all instances the one with the fewest open leases for its weight; of equals, one at random. What can be computed
// from the list alone is computed once for each list; the rest is done for each pick, by any thread.
muster::custom_policy quiet("quiet", [](const muster::candidates& all) {
    std::vector<double> per_lease(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) per_lease[i] = 1.0 / all.weight(i);
    return [per_lease](const muster::candidates& now, muster::pick_context& pick) {
        const std::size_t start = pick.random_below(now.size());
        std::size_t best = start;
        for (std::size_t k = 1; k < now.size(); ++k) {
            const std::size_t i = (start + k) % now.size();
            if (now.open(i) * per_lease[i] < now.open(best) * per_lease[best]) best = i;
        }
        return best;
    };
});

asio::awaitable<void> run(std::string hosts, int count) {
    auto ex = co_await asio::this_coro::executor;
    muster::balancer lb(ex, hosts);
    muster::pick_options with_mine;
    with_mine.custom = quiet;
    with_mine.pool = muster::pool::all;
    std::vector<muster::lease> calls;    // under way
    for (int i = 0; i != count; ++i) {
        calls.push_back(co_await lb.pick("testserver", with_mine));
        const auto same = [&](const muster::lease& l) { return *l == *calls.back(); };
        std::cout << std::count_if(calls.begin(), calls.end(), same) << " open: " << calls.back()->ip << ':' << calls.back()->port
                  << std::endl;
    }
    for (muster::lease& l : calls) l.success();
    co_await lb.close();
}

int main(int argc, char** argv) try {
    asio::io_context ioc;
    int count = argc > 2 ? std::stoi(argv[2]) : 10;
    asio::co_spawn(ioc, run(argc > 1 ? argv[1] : "127.0.0.1:2181", count), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    ioc.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
}
