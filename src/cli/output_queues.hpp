// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/line_writer.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace muster::cli {

/// Standard output and standard error, written in the background.
///
/// What comes while too much waits is lost, which is told: of standard output on standard error, when it begins and when it is
/// over; of standard error, and of both where they are one file, in front of the next text that finds room.
/// \par Thread safety
/// Same object: unsafe.
class output_queues {
public:
    /// Both stay open until the process ends.
    output_queues(int out, int err, std::size_t most_bytes = 256 * 1024);

    /// Lines, each with its newline, for standard output.
    void print(const std::string& lines);
    /// The same for standard error.
    void tell(const std::string& lines);
    /// Tells what was lost since it was told last. False if that is nothing.
    bool tell_losses();

    line_writer& out() noexcept { return *out_; }
    line_writer& err() noexcept { return *err_; }

private:
    std::shared_ptr<line_writer> out_, err_;
    std::size_t lost_out_ = 0;
    std::size_t lost_err_ = 0;    // of both where they are one
};

}    // namespace muster::cli
