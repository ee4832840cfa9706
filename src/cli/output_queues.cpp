// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output_queues.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace muster::cli {
namespace {

bool one_file(int a, int b) {
    struct stat x {
    }, y{};
    return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

std::size_t lines_in(std::string_view text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

/// As in "muster: 7 lines were lost: nobody read them".
std::string loss(std::size_t lines, std::string_view of_what = "") {
    const bool one = lines == 1;
    return fmt::format("muster: {} {}{} {} lost: nobody read {}\n", lines, one ? "line" : "lines", of_what, one ? "was" : "were",
                       one ? "it" : "them");
}

}    // namespace

output_queues::output_queues(int out, int err, std::size_t most_bytes)
    : out_(std::make_shared<line_writer>(out, most_bytes)),
      // One after the other where both go to the same terminal or file.
      err_(one_file(out, err) ? out_ : std::make_shared<line_writer>(err, most_bytes)) {}

void output_queues::print(const std::string& lines) {
    if (out_ == err_) return tell(lines);
    if (!out_->write(lines)) {
        if (lost_out_ == 0) tell("muster: standard output is not read: lines are lost until it is\n");
        lost_out_ += lines_in(lines);
    } else if (lost_out_ != 0) {
        tell(loss(std::exchange(lost_out_, 0), " of standard output"));
    }
}

void output_queues::tell(const std::string& lines) {
    // As one text: what is lost is told where it is missing, and never without what comes behind.
    const bool taken = err_->write(lost_err_ == 0 ? lines : loss(lost_err_) + lines);
    lost_err_ = taken ? 0 : lost_err_ + lines_in(lines);
}

bool output_queues::tell_losses() {
    if (lost_out_ == 0 && lost_err_ == 0) return false;
    tell(lost_out_ == 0 ? std::string() : loss(std::exchange(lost_out_, 0), " of standard output"));
    return true;
}

}    // namespace muster::cli
