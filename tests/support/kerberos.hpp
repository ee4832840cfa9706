// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "support/process.hpp"
#include "support/scratch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// A Kerberos realm, MUSTER.TEST, with a KDC of its own on the loopback interface: MIT's, which must be installed.
///
/// The thread that starts the KDC must outlive it. Members throw `std::runtime_error` where a program fails, with what it said.
class kerberos_realm {
public:
    /// Its KDC does not run yet.
    kerberos_realm();

    /// Returns once it answers.
    void start();
    /// SIGKILL.
    void stop() { kdc_.reset(); }

    /// A principal of this name with a key that nobody knows. Gives a file with the key (a key table).
    std::string add(const std::string& principal);

    /// For `KRB5_CONFIG`, and for Java's `java.security.krb5.conf`.
    std::string config_file() const { return file("krb5.conf"); }
    /// A file of the realm's folder.
    std::string file(const std::string& name) const { return (dir_.path() / name).string(); }

private:
    std::vector<std::string> command(std::vector<std::string> argv) const;
    void run(std::vector<std::string> argv) const;

    temp_dir dir_;
    const std::uint16_t port_ = free_port();
    std::optional<process> kdc_;
};

}    // namespace muster::test
