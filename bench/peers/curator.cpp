// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Compiles the peer in Java, runs it, and takes down what it tells.
#include "bench/discovery_work.hpp"

#include "cli/child_process.hpp"
#include "support/scratch.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace muster::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* debian_jars = "/usr/share/java";
constexpr const char* how_to_get_it =
    "install Debian's packages default-jdk-headless, libcurator-discovery-java and libcurator-recipes-java, or name "
    "Curator's jars and those that it needs in MUSTER_CURATOR_CLASSPATH";

/// Where Debian and Ubuntu keep what Curator needs, or what MUSTER_CURATOR_CLASSPATH says; empty where there is nothing.
std::string curator_class_path() {
    if (const char* set = std::getenv("MUSTER_CURATOR_CLASSPATH"); set && *set) return set;
    std::string path;
    for (const char* jar :
         {"curator-x-discovery", "curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava",
          "jackson-databind", "jackson-core", "jackson-annotations", "slf4j-api", "slf4j-nop"}) {
        const std::string file = fmt::format("{}/{}.jar", debian_jars, jar);
        if (std::string_view(jar).starts_with("curator") && !std::filesystem::exists(file)) return {};
        path += (path.empty() ? "" : ":") + file;
    }
    return path;
}

/// Both ends of a pipe, which no other program gets.
struct pipe_ends {
    pipe_ends() {
        if (pipe2(fds, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "pipe2");
    }
    pipe_ends(const pipe_ends&) = delete;
    pipe_ends& operator=(const pipe_ends&) = delete;
    ~pipe_ends() {
        close_end(0);
        close_end(1);
    }
    void close_end(int which) {
        if (fds[which] >= 0) close(fds[which]);
        fds[which] = -1;
    }
    int fds[2];
};

/// A program that is talked to in lines.
class conversation {
public:
    explicit conversation(std::vector<std::string> argv) {
        cli::child_options o;
        o.argv = std::move(argv);
        o.in = to_.fds[0];
        o.out = from_.fds[1];
        process_ = std::make_unique<cli::child_process>(o);
        to_.close_end(0);
        from_.close_end(1);
        lines_.reset(fdopen(dup(from_.fds[0]), "r"));
    }

    /// The next line, "WORD NUMBER". Throws when there is none.
    std::pair<std::string, double> hear() {
        char word[32];
        double number = 0;
        if (!lines_ || std::fscanf(lines_.get(), "%31s %lf", word, &number) != 2)
            throw std::runtime_error("the peer in Java ended before its work was done; what it says of that stands above");
        return {word, number};
    }
    void go_on() {
        if (write(to_.fds[1], "\n", 1) != 1) throw std::system_error(errno, std::system_category(), "the peer in Java has gone");
    }
    void wait() { process_->wait(5s); }

private:
    struct closer {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };

    pipe_ends to_;
    pipe_ends from_;
    std::unique_ptr<cli::child_process> process_;
    std::unique_ptr<std::FILE, closer> lines_;
};

/// The compiled program; its folder goes with the process that has compiled it.
struct compiled {
    std::string why_not;
    test::temp_dir classes;
};

compiled compile() {
    compiled c;
    if (curator_class_path().empty()) {
        c.why_not = how_to_get_it;
        return c;
    }
    cli::child_options o;
    o.argv = {"javac",
              "-cp",
              curator_class_path(),
              "-d",
              c.classes.path().string(),
              std::string(MUSTER_BENCH_PEERS) + "/CuratorDiscovery.java"};
    try {
        cli::child_process javac(o);
        const auto code = javac.wait(120s);
        if (!code || *code != 0) c.why_not = "javac does not compile it; what it says of that stands above";
    } catch (const std::system_error&) {
        c.why_not = how_to_get_it;
    }
    return c;
}

const compiled& program() {
    static const compiled c = compile();
    return c;
}

}    // namespace

std::string why_no_curator() { return program().why_not; }

discovery_round run_curator_discovery(const discovery_work& w) {
    conversation java({"java", "-XX:+UseSerialGC", "-cp", curator_class_path() + ":" + program().classes.path().string(),
                       "CuratorDiscovery", w.observer, w.registrar, "/" + w.root, w.curator_service(),
                       std::to_string(w.instances), std::to_string(w.warm_up), std::to_string(w.changes),
                       std::to_string(w.pause.count()), std::to_string(w.session_timeout.count())});
    discovery_meter meter(w);
    std::chrono::nanoseconds bootstrap{};
    for (;;) {
        const auto [what, number] = java.hear();
        const std::chrono::nanoseconds took(static_cast<std::int64_t>(number));
        if (what == "added") {
            meter.added(took);
            continue;
        }
        if (what == "removed") {
            meter.removed(took);
            continue;
        }
        if (what == "bootstrapped") {
            bootstrap = took;
            continue;
        }
        if (what == "grown") meter.bootstrapped(bootstrap, number);
        if (what == "warm") meter.warm();
        if (what == "done") break;
        java.go_on();
    }
    const discovery_round r = meter.result();
    java.go_on();
    java.wait();
    return r;
}

}    // namespace muster::bench
