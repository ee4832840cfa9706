// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Authorities and certificates for tests of TLS, made on the spot.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace muster::test {

/// A certificate and its private key, in PEM.
struct certificate {
    std::string pem;
    std::string key;
    /// The key, encrypted.
    std::string key_with(const std::string& password) const;
};

/// Who signs certificates. Throws `std::runtime_error` where OpenSSL fails.
class authority {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// Its own certificate is valid from a year before `now` to a year after it.
    authority(std::string name, time_point now);

    const std::string& pem() const noexcept { return pem_; }
    const std::string& key() const noexcept { return key_pem_; }

    /// A certificate for a name and for hosts, which are names or addresses; valid for a day around `now`, or from and to the
    /// times given.
    certificate issue(const std::string& name, const std::vector<std::string>& hosts) const;
    certificate issue(const std::string& name, const std::vector<std::string>& hosts, time_point from, time_point until) const;

private:
    std::string name_;
    time_point now_;
    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
    std::string pem_;
    std::string key_pem_;
};

/// Writes a file, in the place of one that is there.
void write_file(const std::string& path, const std::string& content);

}    // namespace muster::test
