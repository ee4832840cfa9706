// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A session whose server throws requests back.
#pragma once

#include "batch_fixture.hpp"

namespace muster::test {

inline constexpr std::int32_t throttled = -127;
inline constexpr std::size_t retries = 3;

inline const std::string overloaded = error_code(server_errc::throttled).message();

inline proto::session_settings holding_settings(bool batches = false) {
    auto s = settings_for_tests();
    s.max_retries = retries;
    s.batch_reads = batches;
    s.log = zk::log_level::warning;
    return s;
}

struct holding : machine {
    explicit holding(const proto::session_settings& settings = holding_settings()) : machine(settings) { attach(); }

    std::vector<sent_request> take(std::size_t expected) {
        auto all = sent();
        REQUIRE(all.size() == expected);
        return all;
    }
    /// Moves to the end of the pause, which must not be more than `bound` and not less than half of it.
    void resume(std::chrono::milliseconds bound = 100ms) {
        CHECK(sent().empty());
        const auto before = now;
        CHECK(!next_deadline());
        CHECK(now - before >= bound / 2);
        CHECK(now - before <= bound);
    }
    void answer(const std::vector<sent_request>& all, std::int32_t err = 0) {
        for (const auto& r : all) CHECK(!reply(r.xid, 1, err));
    }
    void timed(const std::string& name, std::chrono::milliseconds limit) {
        auto r = make(name, false);
        r->deadline.at = now + limit;
        s.submit(std::move(r));
    }
};

}    // namespace muster::test
