// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/certificates.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace muster::test {
namespace {

using std::chrono::hours;

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

using bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

template <class Write>
std::string pem_of(Write write) {
    const bio out(BIO_new(BIO_s_mem()), BIO_free);
    require(out && write(out.get()) == 1, "PEM");
    char* data = nullptr;
    const long n = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(n)};
}

std::shared_ptr<EVP_PKEY> make_key() {
    std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    require(key != nullptr, "key");
    return key;
}

std::string pem_of_key(EVP_PKEY* key) {
    return pem_of([key](BIO* b) { return PEM_write_bio_PKCS8PrivateKey(b, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

std::string pem_of_certificate(X509* c) {
    return pem_of([c](BIO* b) { return PEM_write_bio_X509(b, c); });
}

void set_name(X509_NAME* n, const std::string& common_name) {
    require(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                       -1, 0) == 1,
            "name");
}

void extend(X509* c, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, c, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> e(
        X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()), X509_EXTENSION_free);
    require(e && X509_add_ext(c, e.get(), -1) == 1, "extension");
}

std::shared_ptr<X509> make_certificate(const std::string& name, authority::time_point from, authority::time_point until,
                                       EVP_PKEY* key) {
    static std::atomic<long> serial{1};
    std::shared_ptr<X509> c(X509_new(), X509_free);
    require(c && X509_set_version(c.get(), X509_VERSION_3) == 1, "certificate");
    ASN1_INTEGER_set(X509_get_serialNumber(c.get()), serial++);
    ASN1_TIME_set(X509_getm_notBefore(c.get()), std::chrono::system_clock::to_time_t(from));
    ASN1_TIME_set(X509_getm_notAfter(c.get()), std::chrono::system_clock::to_time_t(until));
    set_name(X509_get_subject_name(c.get()), name);
    require(X509_set_pubkey(c.get(), key) == 1, "public key");
    return c;
}

}    // namespace

std::string certificate::key_with(const std::string& password) const {
    const bio in(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> k(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr),
                                                                EVP_PKEY_free);
    require(k != nullptr, "key");
    return pem_of([&](BIO* b) {
        return PEM_write_bio_PKCS8PrivateKey(b, k.get(), EVP_aes_256_cbc(), password.data(), static_cast<int>(password.size()),
                                             nullptr, nullptr);
    });
}

authority::authority(std::string name, time_point now) : name_(std::move(name)), now_(now), key_(make_key()) {
    certificate_ = make_certificate(name_, now - hours(24 * 30), now + hours(24 * 365), key_.get());
    set_name(X509_get_issuer_name(certificate_.get()), name_);
    extend(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
    require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "signature");
    pem_ = pem_of_certificate(certificate_.get());
    key_pem_ = pem_of_key(key_.get());
}

certificate authority::issue(const std::string& name, const std::vector<std::string>& hosts) const {
    return issue(name, hosts, now_ - hours(24), now_ + hours(24));
}

certificate authority::issue(const std::string& name, const std::vector<std::string>& hosts, time_point from,
                             time_point until) const {
    const auto key = make_key();
    const auto c = make_certificate(name, from, until, key.get());
    set_name(X509_get_issuer_name(c.get()), name_);
    std::string all;
    for (const auto& host : hosts) {
        boost::system::error_code not_an_address;
        boost::asio::ip::make_address(host, not_an_address);
        all += (all.empty() ? "" : ",") + std::string(not_an_address ? "DNS:" : "IP:") + host;
    }
    if (!all.empty()) extend(c.get(), certificate_.get(), NID_subject_alt_name, all);
    extend(c.get(), certificate_.get(), NID_ext_key_usage, "serverAuth,clientAuth");
    require(X509_sign(c.get(), key_.get(), EVP_sha256()) > 0, "signature");
    return {pem_of_certificate(c.get()), pem_of_key(key.get())};
}

void write_file(const std::string& path, const std::string& content) {
    // By another file, so that the inode tells of it, whatever the clock of the file system does.
    const std::string next = path + ".next";
    std::ofstream(next, std::ios::binary) << content;
    std::filesystem::rename(next, path);
}

}    // namespace muster::test
