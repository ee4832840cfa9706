// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>

#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <string>

namespace muster {

/// Why something was refused: the code for programs, and a sentence for people that names the value and what was expected.
struct diagnostic {
    error_code code;
    std::string message;

    diagnostic() = default;    // boost::system::result asks for it
    diagnostic(error_code code_, std::string message_) : code(code_), message(std::move(message_)) {}
};

/// A value, or the diagnostic that tells why there is none. `value()` on an error throws `boost::system::system_error`
/// with the code and the message.
template <class T>
using result = boost::system::result<T, diagnostic>;

[[noreturn]] inline void throw_exception_from_error(const diagnostic& d, const boost::source_location&) {
    throw boost::system::system_error(d.code, d.message);
}

}    // namespace muster
