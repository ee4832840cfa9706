// Part of muster. Boost Software License 1.0, see LICENSE.
//
// In the place of sasl_cyrus.cpp where the library is built without Cyrus SASL. Clients refuse to be made with SASL then.
#include "runtime/sasl.hpp"

namespace muster::runtime {

bool has_sasl() noexcept { return false; }

std::unique_ptr<sasl_exchange> make_sasl_exchange(const boost::asio::any_io_executor&, const zk::sasl_options&,
                                                  const std::string&) {
    return nullptr;
}

}    // namespace muster::runtime
