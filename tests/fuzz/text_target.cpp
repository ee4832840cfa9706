// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Connect strings and paths: what is accepted keeps its meaning when it is written and read again.
#include "fuzz/fuzz.hpp"

#include "proto_zk/path.hpp"

#include <muster/instance.hpp>
#include <muster/zk/connect_string.hpp>

#include <algorithm>
#include <string>

namespace {

using namespace muster;
using fuzz::require;
namespace proto = zk::proto;

void connect_strings(std::string_view text) {
    const auto parsed = zk::connect_string::parse(text);
    if (!parsed) {
        require(!parsed.error().message.empty(), "an error has a message");
        return;
    }
    require(!parsed->hosts().empty(), "there is a host");
    require(
        std::all_of(parsed->hosts().begin(), parsed->hosts().end(), [](const auto& h) { return !h.host.empty() && h.port != 0; }),
        "each host has a name and a port");
    require(parsed->chroot().empty() || (parsed->chroot() != "/" && zk::check_path(parsed->chroot()).empty()),
            "the chroot is a path");
    const auto again = zk::connect_string::parse(parsed->to_string());
    require(again && *again == *parsed, "the canonical text means the same");
}

void paths(std::string_view text) {
    if (!zk::check_path(text).empty()) return;
    require(zk::check_path(text, true).empty() || text == "/", "a path can get a counter");
    const auto parent = proto::parent_of(text);
    const auto name = proto::name_of(text);
    if (text == "/") {
        require(parent.empty() && name.empty(), "the root has no parent");
    } else {
        require(zk::check_path(parent).empty() && !name.empty(), "a parent is a path");
        require((parent == "/" ? "/" : std::string(parent) + "/") + std::string(name) == text, "parent and name make the path");
    }
    for (const std::string chroot : {"", "/a", "/ab/c"}) {
        const auto server = proto::to_server(chroot, std::string(text));
        require(proto::to_client(chroot, server) == text, "a chroot that was added is removed");
    }
    static_cast<void>(proto::to_client("/ab", text));
}

}    // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::input(data, size).rest();
    connect_strings(text);
    paths(text);
    static_cast<void>(validate_name(text, "service"));
    return 0;
}
