// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The data of instances' znodes, which anybody may have written. What is understood and can be published is understood the same
// after that; what is refused says why.
#include "fuzz/fuzz.hpp"

#include "registry/layout.hpp"

#include <muster/error.hpp>

namespace {

using namespace muster;
using fuzz::require;

void child(const registry::layout& l, std::string_view name, std::string_view data) {
    const std::string service = l.service_path("micro-service", "s");
    const auto parsed = l.parse(service, name, data, zk::stat{});
    if (!parsed) {
        require(!parsed.error().message.empty(), "an error has a message");
        return;
    }
    require(parsed->instance.weight >= 1 && parsed->instance.weight <= max_weight, "a weight is within its bounds");
    require(parsed->identity == parsed->instance.identity() && parsed->role == l.role_of(name), "identity and role fit");
    const auto again = l.parse(service, name, l.encode(parsed->instance), zk::stat{});
    require(again && again->instance == parsed->instance, "what is published is understood the same");
}

}    // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto layout = registry::make_micro_service_layout();
    const std::string_view bytes = fuzz::input(data, size).rest();
    child(*layout, "normal0000000007", bytes);
    static_cast<void>(layout->role_of(bytes));
    static_cast<void>(layout->sequence_of(bytes));
    return 0;
}
