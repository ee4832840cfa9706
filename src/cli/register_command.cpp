// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/child_process.hpp"
#include "cli/commands.hpp"
#include "cli/hang_up.hpp"
#include "cli/output.hpp"
#include "cli/register_events.hpp"
#include "cli/values.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muster::cli {
namespace {

using namespace asio::experimental::awaitable_operators;

json::object describe(const register_event& e) {
    switch (e.what) {
        case register_event::kind::registered:
            return {{"event", "registered"}, {"role", to_string(e.role)}, {"path", e.path}};
        case register_event::kind::role:
            return {{"event", "role"}, {"role", to_string(e.role)}};
        case register_event::kind::session:
            return {{"event", "session"}, {"state", to_string(e.state)}};
        case register_event::kind::closed:
            break;
    }
    return {{"event", "closed"}};
}

std::string describe_for_people(const register_event& e) {
    switch (e.what) {
        case register_event::kind::registered:
            return fmt::format("registered as {} at {}", to_string(e.role), printable(e.path));
        case register_event::kind::role:
            return e.role == role::none ? "not registered any more" : fmt::format("{} now", to_string(e.role));
        case register_event::kind::session:
            return fmt::format("session {}", to_string(e.state));
        case register_event::kind::closed:
            break;
    }
    return "closed";
}

/// One run of `muster register`.
class registering {
public:
    explicit registering(environment& env);

    asio::awaitable<int> run();

private:
    asio::awaitable<int> follow();
    asio::awaitable<void> registered();
    asio::awaitable<int> register_in_time();
    asio::awaitable<int> stop_requested();
    asio::awaitable<void> drain();
    asio::awaitable<void> drain_interrupted();
    asio::awaitable<void> program_ended();
    asio::awaitable<void> deregistered(error_code& ec);
    asio::awaitable<int> closed();
    asio::awaitable<int> close_and_wait();
    void pass_on(int number);
    void suspend();
    void complain(const registration_status& s);
    /// A program may take SIGHUP for "read your configuration again", and SIGQUIT for "tell what you are doing".
    bool ends(int number) const { return number == SIGINT || number == SIGTERM || !program_; }
    bool program_runs() { return program_ && program_->running(); }

    environment& env_;
    asio::signal_set signals_;
    registrar registrar_;
    register_events events_;
    error_code complained_;
    std::chrono::milliseconds closing_limit_ = std::chrono::hours(1);    // the registrar has a limit of its own
    std::unique_ptr<child_process> program_;
    std::optional<hang_up> hang_up_;    // with a program
};

registration registration_of(const options& o) {
    registration r(o.service, o.instance);
    r.prefix = o.prefix;
    return r;
}

registering::registering(environment& env)
    : env_(env),
      signals_(env.io),
      registrar_(env.io, env.options.zk, registration_of(env.options)),
      events_([json = env.json](const register_event& e) {
          if (json)
              print_json(describe(e));
          else
              print_text(describe_for_people(e));
      }) {
    child_options c;
    c.argv = env.options.program;
    for (const int number : {SIGPIPE, SIGCHLD}) {
        if (is_ignored(number)) c.ignored.push_back(number);    // what follows is for us alone
    }
    // Who reads our events may stop reading, or go; the instance stays registered.
    std::signal(SIGPIPE, SIG_IGN);
    print_in_background();
    heed(signals_, {SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    if (env.options.program.empty()) return;
    hang_up_.emplace();
    heed(signals_, {SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGTSTP, SIGCONT});
    signals_.add(SIGCHLD);
    // In a process group of its own a program that reads from the terminal would be stopped.
    if (::isatty(STDIN_FILENO) == 0) c.in = STDIN_FILENO;
    program_ = std::make_unique<child_process>(c);
}

/// Says once what keeps us from being registered, or what a server refuses us beside that.
void registering::complain(const registration_status& s) {
    if (!s.last_error) complained_ = {};
    if (!s.last_error || s.last_error == complained_ || s.closed) return;
    // That connections break is told by what follows; what a server refuses would be told by nothing.
    if (s.role != role::none && s.last_error.category() != zk::server_category()) return;
    complained_ = s.last_error;
    diagnose(fmt::format("{}, trying again: ZooKeeper at {}: {}",
                         s.role == role::none ? "not registered" : "registered, but something else fails",
                         env_.options.zk.servers.to_string(), s.message));
}

asio::awaitable<int> registering::follow() {
    registration_status now = registrar_.status();
    for (;;) {
        events_.show(now);
        complain(now);
        if (now.closed && now.session.state == zk::session_state::auth_failed) {
            diagnose(not_reached(env_.options, env_.options.wait.value_or(std::chrono::milliseconds(0)), now.session));
            co_return exit_not_reached;
        }
        if (now.closed) co_return exit_failed;    // nobody else closes it
        now = co_await registrar_.status_change(now.version, asio::use_awaitable);
    }
}

/// Whether somebody has answered that it cannot be so. That connections break says nothing.
bool refuses(const error_code& ec) {
    return ec.category() == zk::server_category() || ec.category() == registry_category() ||
           ec == zk::protocol_errc::frame_too_large;
}

/// Completes once it is registered. A chroot that is missing may still be created.
asio::awaitable<void> registering::registered() {
    const auto [ec] = co_await registrar_.start(asio::as_tuple(asio::use_awaitable));
    if (!ec) co_return;
    registration_status now = registrar_.status();
    if (now.session.state == zk::session_state::auth_failed) co_await forever(env_);    // who follows the status says why
    if (ec != registry_errc::no_chroot) throw boost::system::system_error(ec);
    while (now.role == role::none) now = co_await registrar_.status_change(now.version, asio::use_awaitable);
}

/// Completes when the wait has passed in vain, or registering is impossible.
asio::awaitable<int> registering::register_in_time() {
    if (!env_.options.wait) {
        co_await registered();
    } else {
        // Not with ||: cancelled as a whole it would throw multiple_exceptions.
        const bool in_time = co_await within(env_, *env_.options.wait, registered());
        if (!in_time) {
            const registration_status s = registrar_.status();
            if (s.session.state != zk::session_state::connected || !refuses(s.last_error)) {
                diagnose(not_reached(env_.options, *env_.options.wait, s.session));
                co_return exit_not_reached;
            }
            const bool rootless = s.last_error == registry_errc::no_chroot;
            diagnose(fmt::format("not registered within {}: {}", to_text(*env_.options.wait),
                                 rootless ? no_chroot(env_.options) : s.message));
            co_return rootless ? exit_nothing_found : exit_failed;
        }
    }
    co_await forever(env_);
    co_return exit_failed;
}

void registering::pass_on(int number) {
    switch (number) {
        case SIGHUP:
            if (hang_up_->take()) return program_->signal_group(number);
            [[fallthrough]];
        case SIGUSR1:
        case SIGUSR2:
        case SIGALRM:
            program_->signal(number);    // what it has started may know nothing of them, and would die
            break;
        case SIGTSTP:
            suspend();
            break;
        default:    // what a terminal sends to all that run in it, or an end
            program_->signal_group(number);
    }
}

/// Stopped alone we would let the session expire while the program serves on. Its group is another than ours, so a terminal does
/// not stop it; and it must not refuse.
void registering::suspend() {
    program_->signal_group(SIGSTOP);
    // Not SIGSTOP: as PID 1, and in an orphaned process group, where nobody would let us go on, the kernel spares us.
    struct sigaction ours {};
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigaction(SIGTSTP, &usual, &ours);
    std::raise(SIGTSTP);
    // First: who stops us again as soon as the program is seen to go on must stop it, too.
    ::sigaction(SIGTSTP, &ours, nullptr);
    program_->signal_group(SIGCONT);
}

/// Completes when a signal or the end of the program says that it is over.
asio::awaitable<int> registering::stop_requested() {
    for (;;) {
        const int number = co_await next_signal(signals_);
        if (number == SIGCHLD) {
            if (!program_runs()) co_return exit_done;
            continue;
        }
        if (ends(number)) co_await drain();
        if (program_) pass_on(number);
        if (ends(number)) co_return exit_done;
    }
}

/// Lets others get the work, if that is wanted.
asio::awaitable<void> registering::drain() {
    if (!env_.options.drain || registrar_.role() == role::none) co_return;
    registrar_.drain([](const error_code&) {});    // where ZooKeeper is not reached, it has this time all the same
    if (env_.json)
        print_json({{"event", "draining"}});
    else
        print_text("draining");
    co_await within(env_, *env_.options.drain, drain_interrupted());
}

asio::awaitable<void> registering::drain_interrupted() {
    for (;;) {
        const int number = co_await next_signal(signals_);
        if (number == SIGCHLD) {
            if (!program_runs()) co_return;
            continue;
        }
        if (ends(number)) co_return;
        pass_on(number);
    }
}

asio::awaitable<void> registering::program_ended() {
    while (program_runs()) {
        const int number = co_await next_signal(signals_);
        if (number != SIGCHLD) pass_on(number);
    }
}

asio::awaitable<void> registering::deregistered(error_code& ec) {
    const auto [result] = co_await registrar_.close(asio::as_tuple(asio::use_awaitable));
    ec = result;
}

asio::awaitable<int> registering::closed() {
    error_code ec;
    const bool in_time = co_await within(env_, closing_limit_, deregistered(ec));
    registration_status s = registrar_.status();
    s.closed = true;
    events_.show(s);
    if (!in_time) co_return exit_failed;    // why has been said
    if (!ec) co_return exit_done;
    diagnose(fmt::format("ZooKeeper was not told, and keeps the znode until the session expires: {}", ec.message()));
    co_return exit_failed;
}

/// Deregisters at once, while the program, if there is one, still ends.
asio::awaitable<int> registering::close_and_wait() {
    if (program_) {
        const int code = co_await (closed() && program_ended());
        co_return code;
    }
    // Further signals change nothing: a process and its group are often both signalled, and closing is bounded in time.
    const int code = co_await closed();
    co_return code;
}

asio::awaitable<int> registering::run() {
    const auto first = co_await (guarded(follow()) || guarded(register_in_time()) || guarded(stop_requested()));
    const int code = std::visit([](int c) { return c; }, first);
    if (code != exit_done && program_runs()) program_->signal_group(SIGTERM);
    // Who has not answered so far need not hear of the end.
    if (code == exit_not_reached) closing_limit_ = std::chrono::milliseconds(100);
    const bool registered = registrar_.status().registrations > 0;
    if (code == exit_done && !registered) {
        diagnose(fmt::format("instance {} of service '{}' was never registered: it was ended before",
                             env_.options.instance.identity(), env_.options.service));
    }
    const int close_code = co_await close_and_wait();
    if (code != exit_done) co_return code;
    if (program_) co_return program_->wait(std::chrono::milliseconds(0)).value_or(exit_failed);
    co_return registered ? close_code : exit_failed;
}

}    // namespace

asio::awaitable<int> run_register(environment& env) {
    registering r(env);
    co_return co_await r.run();
}

}    // namespace muster::cli
