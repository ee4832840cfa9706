// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/commands.hpp"
#include "cli/output.hpp"

#include <fcntl.h>

#include <exception>
#include <functional>
#include <variant>

namespace muster::cli {
namespace {

asio::awaitable<int> run_command(environment& env) {
    switch (env.options.what) {
        case command::demo:
            return run_demo(env);
        case command::registration:
            return run_register(env);
        case command::pick:
            return run_pick(env);
        case command::master:
            return run_master(env);
        case command::ls:
            return run_ls(env);
        case command::watch:
            return run_watch(env);
        case command::zk:
            break;
    }
    return run_zk(env);
}

/// A standard descriptor that is closed would become the next one that we open, and be written to. Opened the wrong way round
/// it fails, as if it were closed.
void occupy_standard_descriptors() noexcept {
    for (const int fd : {0, 1, 2}) {
        const bool closed = ::fcntl(fd, F_GETFD) == -1;
        if (closed) ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

/// With a full disk behind it, what was asked for did not come out.
int written(int code) {
    if (finish_output()) return code;
    return code == exit_done ? exit_failed : code;
}

int run_main(int argc, char** argv) {
    const auto parsed = parse_options(argc, argv);
    if (const auto* code = std::get_if<exit_code>(&parsed)) return written(*code);
    const auto& o = std::get<options>(parsed);
    // The demo is for people, wherever it goes.
    const bool json = o.json || (o.what != command::demo && !stdout_is_terminal());
    try {
        const int code = run(o, json, run_command);
        const int all_written = written(code);
        return o.program.empty() ? all_written : code;    // that of the program
    } catch (const std::exception& e) {
        diagnose(e.what());
        return written(exit_failed);
    }
}

}    // namespace
}    // namespace muster::cli

int main(int argc, char** argv) {
    muster::cli::occupy_standard_descriptors();
    const int code = muster::cli::run_main(argc, argv);
    muster::cli::finish_diagnostics();
    return code;
}
