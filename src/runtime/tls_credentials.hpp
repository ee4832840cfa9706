// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The files of TLS: read, checked, and read again when they have changed.
#pragma once

#include <muster/result.hpp>
#include <muster/zk/tls.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace boost::asio::ssl {
class context;
}

namespace muster::runtime {

/// What the options are called where their user wrote them, for messages.
struct tls_names {
    std::string ca_file = "tls.ca_file";
    std::string ca_path = "tls.ca_path";
    std::string certificate_chain_file = "tls.certificate_chain_file";
    std::string private_key_file = "tls.private_key_file";
    std::string key_password = "tls.key_password";
    std::string server_name = "tls.server_name";

    tls_names() = default;
};

/// Makes contexts of options, anew only when a file has changed.
///
/// \par Thread safety
/// Same object: unsafe. Contexts may be used by several threads.
class tls_credentials {
public:
    using context_ptr = std::shared_ptr<boost::asio::ssl::context>;

    /// Reads nothing.
    explicit tls_credentials(zk::tls_options options, tls_names names = tls_names());

    const zk::tls_options& options() const noexcept { return options_; }

    /// The context of the files as they are now. After an error it reads them all the next time. Errors:
    /// `client_errc::invalid_argument`, with a message that names the option, its value and what was expected.
    result<context_ptr> current();

private:
    /// What tells one content of a file from another.
    struct stamp {
        std::string path;
        std::uint64_t device = 0, inode = 0, size = 0;
        std::int64_t modified = 0, changed = 0;    // nanoseconds
        friend bool operator==(const stamp&, const stamp&) = default;
    };

    static stamp stamp_of(const std::string& path);
    std::vector<stamp> stamps() const;
    result<context_ptr> load() const;

    const zk::tls_options options_;
    const tls_names names_;
    context_ptr context_;    // null: to be read
    std::vector<stamp> stamps_;
};

}    // namespace muster::runtime
