// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

namespace muster::cli {

/// Tells a SIGHUP that means "the terminal is gone" from one that somebody sends to say "read your configuration again".
///
/// It is the terminal's where the kernel has sent it, and where the terminal that was there at first is not any more: a shell
/// sends it on to its jobs then.
/// \par Thread safety
/// One per process.
class hang_up {
public:
    /// Precondition: SIGHUP has the handler that it keeps, or is ignored.
    hang_up();

    /// Whether the SIGHUP that came last is the terminal's. To be asked once for each.
    bool take() noexcept;

private:
    bool had_terminal_;
};

}    // namespace muster::cli
