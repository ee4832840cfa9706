// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/sasl.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <string>

namespace muster::runtime {

/// The user's part in one exchange with one server.
class sasl_exchange {
public:
    /// What to send, if anything; whether the mechanism has nothing more to say; and what it says of an error, for people.
    using step_handler = boost::asio::any_completion_handler<void(error_code, std::optional<std::string>, bool, std::string)>;

    virtual ~sasl_exchange() = default;
    /// Answers what the server has said; the first time it has said nothing. One at a time. The handler is never called inline.
    /// Errors: `zk::sasl_errc`. Destroying the exchange lets the step go on, and its handler is called.
    virtual void async_step(std::string challenge, step_handler h) = 0;
    /// What people should know of an exchange that failed with `why`: how the user was to be proven. Also while a step is under
    /// way, on another thread: what the mechanism says comes with the step's result.
    virtual std::string explanation(const error_code& why) const = 0;
};

/// Whether the library was built with SASL, which `make_sasl_exchange` needs.
bool has_sasl() noexcept;

/// An exchange with the server that the connect string calls `host`. Its steps are taken on a thread of the context of `ex`
/// that does nothing else, and may take long: mechanisms ask others over the network.
std::unique_ptr<sasl_exchange> make_sasl_exchange(const boost::asio::any_io_executor& ex, const zk::sasl_options& options,
                                                  const std::string& host);

}    // namespace muster::runtime
