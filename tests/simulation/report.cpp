// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/report.hpp"

#include "simulation/run.hpp"

#include <fmt/format.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace muster::sim {
namespace {

constexpr std::uint64_t most_violations = 5;    // a job that has seen so many has seen enough
constexpr std::uint64_t enough = 200;           // of seeds, for every kind of fault to occur

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
        for (std::size_t i = 0; i != faults.size(); ++i) faults[i] += o.faults[i];
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

/// Runs every `p.jobs`th seed: what that job has to do.
totals run_some(const plan& p, std::uint64_t job, const flight_recorder& recorder) {
    totals sum;
    for (std::uint64_t i = job; i < p.seeds && sum.violations < most_violations; i += p.jobs) {
        const std::uint64_t seed = recorder.seed(job) = p.first + i;
        outcome o = run(seed, recorder.events(job));
        if (p.twice && o.violation.empty()) {
            const outcome again = run(seed, recorder.events(job));
            if (again.hash != o.hash || again.steps != o.steps) o.violation = "two runs of the same seed differ";
        }
        sum.add(o);
        if (o.violation.empty()) continue;
        ++sum.violations;
        tell(seed, o.violation, o.last_events);
    }
    return sum;
}

/// A debugger is at work.
bool is_traced() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:")) return line.find_first_not_of(" \t0", 10) != line.npos;
    return false;
}

struct job {
    pid_t process = -1;
    int result = -1;
};

job begin(const plan& p, std::uint64_t number, const flight_recorder& recorder) {
    int ends[2];
    if (pipe(ends) != 0) throw std::system_error(errno, std::system_category(), "pipe");
    std::fflush(stdout);
    job j;
    j.process = fork();
    if (j.process < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (j.process == 0) {
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

void end(const job& j) {
    kill(j.process, SIGKILL);
    close(j.result);
    waitpid(j.process, nullptr, 0);
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

void print(const totals& sum, std::chrono::duration<double> real) {
    fmt::print("faults injected:\n");
    constexpr std::size_t columns = 3;
    const std::size_t rows = (fault_names.size() + columns - 1) / columns;
    for (std::size_t row = 0; row != rows; ++row) {
        for (std::size_t i = row; i < fault_names.size(); i += rows) fmt::print("  {:<20} {:>10}", fault_names[i], sum.faults[i]);
        fmt::print("\n");
    }
    const double simulated = static_cast<double>(sum.simulated_ms) / 1'000;
    fmt::print("{} picks, {} operations ({} refused without a quorum), {} watch events, {} steps\n", sum.picks, sum.operations,
               sum.refused, sum.events, sum.steps);
    fmt::print("{} seeds, {} violations; {:.1f} h simulated in {:.1f} s: {:.0f} times real time, {:.3f} s a seed\n", sum.runs,
               sum.violations, simulated / 3'600, real.count(), simulated / real.count(),
               real.count() / static_cast<double>(std::max<std::uint64_t>(sum.runs, 1)));
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
        std::vector<job> jobs;
        try {
            for (std::uint64_t i = 0; i != p.jobs; ++i) jobs.push_back(begin(p, i, recorder));
        } catch (const std::system_error&) {
            for (const job& j : jobs) end(j);
            throw;
        }
        for (std::uint64_t i = 0; i != p.jobs; ++i) finish(jobs[i], i, recorder, sum);
    }
    if (p.seeds == 1)
        fmt::print("seed {}\n", p.first);
    else
        fmt::print("seeds {} to {}\n", p.first, p.first + p.seeds - 1);
    print(sum, std::chrono::steady_clock::now() - begun);
    bool complete = true;
    for (std::size_t i = 0; p.seeds >= enough && i != sum.faults.size(); ++i) {
        if (sum.faults[i] != 0) continue;
        fmt::print("no run had the fault '{}'\n", fault_names[i]);
        complete = false;
    }
    return complete && sum.violations == 0;
}

}    // namespace muster::sim
