// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/report.hpp"
#include "simulation/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>
#include <string_view>
#include <system_error>

namespace {

constexpr const char* usage = R"(Usage: ./dev sim [--seeds N] [--first S] [--jobs J] [--twice] [--events N] [--speed N]
       ./dev sim --seed S [--twice] [--events N] [--speed N]

Runs clusters of servers, registrars, balancers and clients in virtual time, with faults, and checks what must hold. 200 seeds
and more must have had each kind of fault.

  --seeds N   runs so many clusters, of seeds one after the other (default: 100)
  --first S   the first of these seeds (default: 1)
  --jobs J    in so many processes (default: 1)
  --twice     runs each seed twice, and checks that both did the same
  --events N  shows so many of the last events where something is wrong (default: 200)
  --speed N   expects a processor to be N times as fast as real time; with --twice, that for both runs (default: 1000 for 200
              seeds and more in a release build, else 0)
  --seed S    runs the cluster of this seed only; a run is the same each time
  --help      this

Exit: 0 nothing is wrong, 1 something is, 2 wrong usage.
)";

int complain(std::string_view what) {
    fmt::print(stderr, "sim: {}\n{}", what, usage);
    return 2;
}

}    // namespace

int main(int argc, char** argv) {
    constexpr std::uint64_t most_jobs = 1'000;
    constexpr std::uint64_t most_events = 1'000'000;
    constexpr std::uint64_t most_of_all_jobs = 4'000'000;    // 200 bytes each
    constexpr std::uint64_t last_seed = std::numeric_limits<std::uint64_t>::max();
    muster::sim::plan p;
    std::set<std::string_view> given;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--help" || option == "-h") {
            fmt::print("{}", usage);
            return 0;
        }
        given.insert(option);
        if (option == "--twice") {
            p.twice = true;
            continue;
        }
        constexpr std::array known{"--seeds", "--first", "--jobs", "--events", "--speed", "--seed"};
        if (std::find(known.begin(), known.end(), option) == known.end()) {
            return complain(fmt::format("'{}': expected an option", option));
        }
        const std::string_view text = i + 1 < argc ? argv[++i] : "";
        std::uint64_t value = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || ec != std::errc() || end != text.data() + text.size()) {
            return complain(fmt::format("{} '{}': expected a whole number of up to 64 bits", option, text));
        }
        if (value == 0 && option == "--seeds") return complain("--seeds 0: expected 1 or more");
        if ((value == 0 || value > most_jobs) && option == "--jobs")
            return complain(fmt::format("--jobs {}: expected 1 to {}", value, most_jobs));
        if ((value == 0 || value > most_events) && option == "--events")
            return complain(fmt::format("--events {}: expected 1 to {}", value, most_events));
        if (option == "--seeds") p.seeds = value;
        if (option == "--events") p.events = value;
        if (option == "--speed") p.speed = value;
        if (option == "--first") p.first = value;
        if (option == "--jobs") p.jobs = value;
        if (option == "--seed") {
            p.first = value;
            p.seeds = 1;
        }
    }
    for (const char* other : {"--seeds", "--first", "--jobs"}) {
        if (given.contains("--seed") && given.contains(other))
            return complain(fmt::format("--seed runs one cluster: expected no {} beside it", other));
    }
    if (p.jobs * p.events > most_of_all_jobs) {
        return complain(fmt::format("--jobs {} --events {}: expected {} or fewer events of all jobs together, not {}", p.jobs,
                                    p.events, most_of_all_jobs, p.jobs * p.events));
    }
    if (p.seeds - 1 > last_seed - p.first)
        return complain(fmt::format("--first {} --seeds {}: expected a last seed of up to {}", p.first, p.seeds, last_seed));
    try {
        return muster::sim::carry_out(p) ? 0 : 1;
    } catch (const std::system_error& e) {
        fmt::print(stderr, "sim: {}\n", e.what());
        return 1;
    }
}
