// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace muster::cli {

/// Writes text to a file descriptor in a thread of its own, in the order it is given: whoever gives it never waits for whoever
/// reads it.
///
/// Destruction does not wait for the thread, since a write that nobody reads may last for ever. It goes on with what it was
/// given, until the process ends.
/// \par Thread safety
/// Same object: safe.
class line_writer {
public:
    /// `fd` must stay open until the process ends; blocking or not.
    explicit line_writer(int fd, std::size_t most_bytes = 256 * 1024);
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;
    ~line_writer();

    /// False if `most_bytes` wait already; the text is lost then.
    bool write(std::string text);

    /// Whether something waits to be written.
    bool pending() const;
    /// Whether anything could not be written, other than for want of somebody who reads it.
    bool failed() const;

    /// Waits until nothing is pending. False, as soon as nothing more gets out for `patience`.
    bool flush(std::chrono::milliseconds patience);

    /// `f` is called by the thread each time that nothing is pending any more. The one before is not called any more once this
    /// returns. Must not be called by `f`.
    void on_idle(std::function<void()> f);

private:
    struct state;
    std::shared_ptr<state> state_;
};

}    // namespace muster::cli
