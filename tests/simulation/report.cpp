// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/report.hpp"

#include "simulation/run.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#ifndef __has_feature    // it is clang's
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MUSTER_ADDRESSES_ARE_WATCHED
#endif
#if defined(NDEBUG) && !defined(MUSTER_ADDRESSES_ARE_WATCHED) && !defined(__SANITIZE_THREAD__) && !__has_feature(thread_sanitizer)
#define MUSTER_IS_FAST
#endif
#ifdef MUSTER_ADDRESSES_ARE_WATCHED
#include <sanitizer/lsan_interface.h>
#endif

namespace muster::sim {
namespace {

constexpr std::uint64_t most_violations = 5;    // a job that has seen so many has seen enough
constexpr std::uint64_t enough = 200;           // of seeds, for every kind of fault to occur, and to know the speed

/// What the simulation is promised to reach, where it can: in a build for speed, and over so many seeds that none of them
/// decides.
std::uint64_t expected_speed(const plan& p) {
#ifdef MUSTER_IS_FAST
    constexpr std::uint64_t promised = 1'000;
#else
    constexpr std::uint64_t promised = 0;
#endif
    return p.speed.value_or(p.seeds >= enough && !p.twice ? promised : 0);
}

/// What several runs gave. Passed between processes as bytes.
struct totals {
    std::uint64_t runs = 0;
    std::uint64_t violations = 0;
    std::uint64_t steps = 0;
    std::uint64_t picks = 0;
    std::uint64_t operations = 0;
    std::uint64_t refused = 0;
    std::uint64_t events = 0;
    std::int64_t simulated_ms = 0;
    std::int64_t processor_ms = 0;
    std::array<std::uint64_t, fault_names.size()> faults{};

    void add(const outcome& o) {
        ++runs;
        steps += o.steps;
        picks += o.picks;
        operations += o.operations;
        refused += o.refused;
        events += o.events;
        simulated_ms += std::chrono::duration_cast<std::chrono::milliseconds>(o.simulated).count();
        for (std::size_t i = 0; i != faults.size(); ++i) faults[i] += o.faults.all()[i];
    }
    void add(const totals& o) {
        runs += o.runs;
        violations += o.violations;
        steps += o.steps;
        picks += o.picks;
        operations += o.operations;
        refused += o.refused;
        events += o.events;
        simulated_ms += o.simulated_ms;
        processor_ms += o.processor_ms;
        for (std::size_t i = 0; i != faults.size(); ++i) faults[i] += o.faults[i];
    }

    /// How often real time, on one processor: that a machine has others to serve, too, does not count.
    double speed() const {
        return static_cast<double>(simulated_ms) / static_cast<double>(std::max<std::int64_t>(processor_ms, 1));
    }
};

void tell(std::uint64_t seed, const std::string& violation, const std::string& last_events) {
    // In one piece: several jobs write to the same place.
    const std::string text = fmt::format("seed {}: {}\nto see it again: ./dev sim --seed {}\nthe last events, in seconds:\n{}\n",
                                         seed, violation, seed, last_events);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

/// What all jobs tell of the runs they are at, each in its process: should one of them crash, that is what must be known.
class flight_recorder {
public:
    flight_recorder(std::uint64_t jobs, std::uint64_t events)
        : events_(events),
          of_each_(sizeof(head) + events * sizeof(recording::entry)),
          bytes_(jobs * of_each_),
          memory_(static_cast<char*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        if (memory_ == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
    }
    flight_recorder(const flight_recorder&) = delete;
    flight_recorder& operator=(const flight_recorder&) = delete;
    ~flight_recorder() { munmap(memory_, bytes_); }

    std::uint64_t& seed(std::uint64_t job) const { return of(job)->seed; }
    recording events(std::uint64_t job) const {
        return {{reinterpret_cast<recording::entry*>(of(job) + 1), events_}, &of(job)->count};
    }

private:
    struct head {
        std::uint64_t seed;
        std::uint64_t count;
    };
    head* of(std::uint64_t job) const { return reinterpret_cast<head*>(memory_ + job * of_each_); }

    std::size_t events_;
    std::size_t of_each_;
    std::size_t bytes_;
    char* memory_;
};

/// A debugger is at work.
bool is_traced() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:")) return line.find_first_not_of(" \t0", 10) != line.npos;
    return false;
}

/// True if there is memory that nothing refers to. Once after a leak, always: it is the same memory.
bool has_leaked() {
#ifdef MUSTER_ADDRESSES_ARE_WATCHED
    return !is_traced() && __lsan_do_recoverable_leak_check() != 0;    // it traces, too, and only one can
#else
    return false;
#endif
}

/// Runs every `p.jobs`th seed: what that job has to do.
totals run_some(const plan& p, std::uint64_t job, const flight_recorder& recorder) {
    totals sum;
    bool leaked = false;
    const std::clock_t begun = std::clock();
    for (std::uint64_t i = job; i < p.seeds && sum.violations < most_violations && !leaked; i += p.jobs) {
        const std::uint64_t seed = recorder.seed(job) = p.first + i;
        outcome o = run(seed, recorder.events(job));
        if (p.twice && o.violation.empty()) {
            const outcome again = run(seed, recorder.events(job));
            if (again.hash != o.hash || again.steps != o.steps) o.violation = "two runs of the same seed differ";
        }
        sum.add(o);
        // After each run: then the seed is known. A job ends without what a program does at its end, so nothing else would look.
        leaked = has_leaked();
        if (leaked && o.violation.empty()) o.violation = "memory has leaked, as LeakSanitizer says; other builds do not see it";
        if (o.violation.empty()) continue;
        ++sum.violations;
        tell(seed, o.violation, o.last_events.empty() ? recorder.events(job).text() : o.last_events);
    }
    sum.processor_ms = static_cast<std::int64_t>(std::clock() - begun) * 1'000 / CLOCKS_PER_SEC;
    return sum;
}

struct job {
    pid_t process = -1;
    int result = -1;
};

job begin(const plan& p, std::uint64_t number, const flight_recorder& recorder) {
    int ends[2];
    if (pipe(ends) != 0) throw std::system_error(errno, std::system_category(), "pipe");
    std::fflush(stdout);
    const pid_t parent = getpid();
    job j;
    j.process = fork();
    if (j.process < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (j.process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);          // whoever kills the parent means the jobs, too
        if (getppid() != parent) std::_Exit(1);    // it went before it could be watched
        close(ends[0]);
        const totals sum = run_some(p, number, recorder);
        const bool written = write(ends[1], &sum, sizeof sum) == static_cast<ssize_t>(sizeof sum);
        std::fflush(stdout);
        std::_Exit(written ? 0 : 1);
    }
    close(ends[1]);
    j.result = ends[0];
    return j;
}

/// Adds what the job found. One that has crashed counts as a violation of the seed that it ran.
void finish(const job& j, std::uint64_t number, const flight_recorder& recorder, totals& sum) {
    totals part;
    std::size_t have = 0;
    while (have < sizeof part) {
        const auto n = read(j.result, reinterpret_cast<char*>(&part) + have, sizeof part - have);
        if (n <= 0) break;
        have += static_cast<std::size_t>(n);
    }
    close(j.result);
    int status = 0;
    waitpid(j.process, &status, 0);
    if (have == sizeof part && status == 0) return sum.add(part);
    const std::string how = WIFSIGNALED(status) ? fmt::format("by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                                                : fmt::format("with exit code {}", WEXITSTATUS(status));
    ++sum.violations;
    tell(recorder.seed(number), "its process ended " + how + ", and what the seeds before it did is not counted",
         recorder.events(number).text());
}

/// Each job is told of when it ends: others may have long to go when one has crashed.
void finish_all(const std::vector<job>& jobs, const flight_recorder& recorder, totals& sum) {
    std::vector<pollfd> ends;
    for (const job& j : jobs) ends.push_back({j.result, POLLIN, 0});
    for (std::size_t left = ends.size(); left != 0;) {
        if (poll(ends.data(), ends.size(), -1) < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::system_category(), "poll");
        }
        for (std::size_t i = 0; i != ends.size(); ++i) {
            if (ends[i].revents == 0) continue;
            finish(jobs[i], i, recorder, sum);
            ends[i].fd = -1;    // poll passes over it
            --left;
        }
    }
}

void print(const totals& sum, std::chrono::duration<double> real) {
    fmt::print("faults injected:\n");
    constexpr std::size_t columns = 3;
    const std::size_t rows = (fault_names.size() + columns - 1) / columns;
    for (std::size_t row = 0; row != rows; ++row) {
        for (std::size_t i = row; i < fault_names.size(); i += rows) fmt::print("  {:<20} {:>10}", fault_names[i], sum.faults[i]);
        fmt::print("\n");
    }
    fmt::print("{} picks, {} operations ({} refused without a quorum), {} watch events, {} steps\n", sum.picks, sum.operations,
               sum.refused, sum.events, sum.steps);
    const double simulated = static_cast<double>(sum.simulated_ms) / 1'000;
    const double computed = static_cast<double>(sum.processor_ms) / 1'000;
    fmt::print("{} seeds, {} violations; {:.1f} h simulated in {:.1f} s\n", sum.runs, sum.violations, simulated / 3'600,
               real.count());
    fmt::print("{:.1f} s of processor time: {:.0f} times real time, {:.3f} s a seed\n", computed, sum.speed(),
               computed / static_cast<double>(std::max<std::uint64_t>(sum.runs, 1)));
}

/// Whether all was there that was asked for: the speed, and, of many runs, each kind of fault. Says what is missing.
bool is_complete(const totals& sum, const plan& p) {
    if (sum.runs != p.seeds) return true;    // what a job did that has crashed is not known
    bool complete = true;
    for (std::size_t i = 0; i != sum.faults.size(); ++i) {
        if (sum.runs < enough || sum.faults[i] != 0) continue;
        fmt::print("no run had the fault '{}'\n", fault_names[i]);
        complete = false;
    }
    if (const auto expected = expected_speed(p); sum.speed() < static_cast<double>(expected)) {
        fmt::print("{:.0f} times real time: expected {} or more\n", sum.speed(), expected);
        complete = false;
    }
    return complete;
}

}    // namespace

bool carry_out(plan p) {
    const auto begun = std::chrono::steady_clock::now();
    p.jobs = std::min(p.jobs, p.seeds);
    totals sum;
    const flight_recorder recorder(p.jobs, p.events);
    if (is_traced()) {    // here, where the debugger is at hand
        p.jobs = 1;
        sum = run_some(p, 0, recorder);
    } else {
        std::vector<job> jobs;    // should one not begin, those before it end with this process
        for (std::uint64_t i = 0; i != p.jobs; ++i) jobs.push_back(begin(p, i, recorder));
        finish_all(jobs, recorder, sum);
    }
    if (p.seeds == 1)
        fmt::print("seed {}\n", p.first);
    else
        fmt::print("seeds {} to {}\n", p.first, p.first + p.seeds - 1);
    print(sum, std::chrono::steady_clock::now() - begun);
    return is_complete(sum, p) && sum.violations == 0;
}

}    // namespace muster::sim
