// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/records_admin.hpp"

namespace muster::zk::proto {

void who_am_i_response::write(writer& w) const {
    w.count(clients.size());
    for (const auto& c : clients) write_fields(w, c.auth_scheme, c.user);
}

void who_am_i_response::read(reader& r) {
    constexpr std::size_t min_client_bytes = 8;
    clients.clear();
    const std::size_t n = r.count(min_client_bytes);
    clients.reserve(n);
    for (std::size_t i = 0; i < n && r.ok(); ++i) {
        auto& c = clients.emplace_back();
        read_fields(r, c.auth_scheme, c.user);
    }
}

}    // namespace muster::zk::proto
