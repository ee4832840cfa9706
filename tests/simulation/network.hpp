// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/connection.hpp"
#include "simulation/faults.hpp"
#include "simulation/kernel.hpp"
#include "simulation/process.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace muster::sim {

/// Connects processes with servers, and looks names up.
class network {
public:
    using resolve_completion = runtime::completion<void(error_code, std::vector<runtime::endpoint>)>;
    using connect_completion = runtime::completion<void(error_code, std::shared_ptr<runtime::byte_stream>)>;

    enum class trouble { none, elsewhere, missing, slow };

    network(kernel& k, fault_counts& faults);

    // For processes.
    void resolve(process& p, resolve_completion done, const std::string& host, std::uint16_t port);
    void connect(process& p, const asio::any_io_executor& ex, const runtime::endpoint& to, connect_completion done);
    void on_death(process& p);

    // Servers.
    /// From now on server `number` listens at `address`, and nowhere else. Null: nobody listens there.
    void listen(std::size_t number, const runtime::endpoint& address, acceptor* who);
    void set_name(const std::string& name, std::vector<asio::ip::address> addresses) { names_[name] = std::move(addresses); }

    // Faults.
    void trouble_name(const std::string& name, trouble t) { troubles_[name] = t; }
    void refuse(std::size_t server, bool on);
    /// Connection attempts to the server do not end.
    void hang(std::size_t server, bool on);
    /// Whether a process and a server are kept from reaching each other.
    void part(const process& p, std::size_t server, bool on);
    /// Everything is reachable again.
    void heal();

    /// Connections that both ends believe in, in the order of their beginning.
    std::vector<std::shared_ptr<connection>> live();
    /// True while a look-up of `p` is under way. Nobody can end one: whoever gave up on it still waits for it.
    bool looks_up(const process& p) const;
    /// Attempts, look-ups and connections of `p` that are not over.
    std::size_t uses_of(const process& p) const;

private:
    struct site {
        runtime::endpoint address;
        acceptor* who = nullptr;
        bool refusing = false;
        bool hanging = false;
    };
    struct attempt {
        process& client;
        asio::any_io_executor ex;
        runtime::endpoint to;
        std::optional<connect_completion> done;
        bool decided = false;

        void end(const error_code& ec, std::shared_ptr<runtime::byte_stream> s = nullptr);
    };
    struct look_up {
        process& client;
        std::optional<resolve_completion> done;

        void end(const error_code& ec, std::vector<runtime::endpoint> found);
    };

    void decide(const std::shared_ptr<attempt>& a);
    void retry_hanging();
    site* at(const runtime::endpoint& e) noexcept;
    bool parted(const process& p, std::size_t server) const { return parted_.contains({p.number(), server}); }
    void sweep();

    kernel& kernel_;
    fault_counts& faults_;
    random chance_;
    std::map<std::size_t, site> sites_;
    std::map<std::string, std::vector<asio::ip::address>> names_;
    std::map<std::string, trouble> troubles_;
    std::set<std::pair<std::size_t, std::size_t>> parted_;
    std::vector<std::shared_ptr<connection>> connections_;
    std::vector<std::shared_ptr<attempt>> attempts_;
    std::vector<std::shared_ptr<look_up>> look_ups_;
    std::uint64_t last_connection_ = 0;
};

}    // namespace muster::sim
