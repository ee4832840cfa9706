// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/path.hpp"

namespace muster::zk::proto {

std::string to_server(std::string_view chroot, std::string path, bool sequential) {
    if (chroot.empty() || (path == config_path && !sequential)) return path;
    if (path == "/" && !sequential) return std::string(chroot);
    std::string out;
    out.reserve(chroot.size() + path.size());
    out.append(chroot).append(path);
    return out;
}

std::string_view to_client(std::string_view chroot, std::string_view path) noexcept {
    if (chroot.empty() || path == config_path || !within(chroot, path)) return path;
    return path.size() == chroot.size() ? "/" : path.substr(chroot.size());
}

bool within(std::string_view chroot, std::string_view path) noexcept {
    if (!path.starts_with(chroot)) return false;
    // "/ab" is no ancestor of "/abc", which Java's client takes it for.
    return chroot.empty() || path.size() == chroot.size() || path[chroot.size()] == '/';
}

std::string_view parent_of(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    if (slash == path.npos || path == "/") return {};
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);    // npos + 1 is 0
}

}    // namespace muster::zk::proto
