// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/ensemble_operations.hpp>

#include "proto_zk/records_admin.hpp"
#include "zk/operation.hpp"

#include <optional>
#include <utility>

namespace muster::zk::detail {

void start_reconfig(asio::any_completion_handler<void(error_code, get_result)> h, impl_ptr impl, reconfiguration change) {
    call<get_result> c(std::move(h), std::move(impl));
    const auto unless_empty = [](std::string& s) {
        std::optional<std::string> out;
        if (!s.empty()) out = std::move(s);
        return out;
    };
    proto::reconfig_request r;
    r.joining = unless_empty(change.joining);
    r.leaving = unless_empty(change.leaving);
    r.new_members = unless_empty(change.new_members);
    r.config_id = change.from_version;
    c.send(proto::opcode::reconfig, false, r, [](error_code& ec, proto::reader& in, get_result& result) {
        if (ec) return;
        if (const auto data = in.buffer()) result.data = *data;
        proto::read(in, result.stat);
    });
}

}    // namespace muster::zk::detail
