// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/connect_string.hpp>

#include "proto_zk/session.hpp"
#include "runtime/tls_credentials.hpp"
#include "runtime/world.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace muster::zk::detail {

namespace asio = boost::asio;

/// Makes a stream to a server: looks its name up, tries its addresses one after the other, and secures what stands, where the
/// client uses TLS. Used on the strand. It is held by what is pending: whoever does not wait any more has to `shut` it.
class dialer : public std::enable_shared_from_this<dialer> {
public:
    using strand = asio::strand<asio::any_io_executor>;
    /// Told why it failed; null if the stream stands.
    using handler = std::function<void(const proto::failure*)>;

    using addresses = std::vector<runtime::endpoint>;

    /// `tls` may be null; it outlives the handler. `tried`: addresses that come last, since they were tried before; what is
    /// tried now is added.
    dialer(const strand& s, std::shared_ptr<runtime::world> w, runtime::tls_credentials* tls, host_port host,
           std::shared_ptr<addresses> tried);

    /// Never calls `done` after `shut`.
    void start(handler done);
    /// Gives up, or closes the stream.
    void shut() noexcept;

    const host_port& host() const noexcept { return host_; }
    /// The stream, once it stands.
    const std::shared_ptr<runtime::byte_stream>& stream() const noexcept { return stream_; }
    /// True if the server has addresses that were not tried, now or before.
    bool untried() const;

private:
    template <class F>
    auto on_strand(F f);
    void connect_next(handler done);
    void secure(handler done);
    void fail(const handler& done, const proto::failure& f);
    void arrange(addresses found);
    bool was_tried(const runtime::endpoint& e) const;

    const strand strand_;
    const std::shared_ptr<runtime::world> world_;
    runtime::tls_credentials* const tls_;
    const host_port host_;
    const std::shared_ptr<addresses> tried_;
    addresses endpoints_;                          // still to be tried, the next one last
    std::optional<proto::failure> tls_failure_;    // of the first address where there was one: others may just not be there
    asio::cancellation_signal cancel_;
    std::shared_ptr<runtime::byte_stream> stream_;
    bool shut_ = false;
};

}    // namespace muster::zk::detail
