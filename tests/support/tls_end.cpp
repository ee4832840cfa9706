// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/tls_end.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <stdexcept>

namespace muster::test {
namespace {

template <class T, class Read, class Free>
std::unique_ptr<T, Free> parse(const std::string& pem, Read read, Free release) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    std::unique_ptr<T, Free> t(read(in.get(), nullptr, nullptr, nullptr), release);
    if (!t) throw std::runtime_error("not PEM");
    return t;
}

}    // namespace

tls_end::tls_end(std::shared_ptr<sim_peer> peer, const tls_policy& policy)
    : peer_(std::move(peer)), context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const auto own = parse<X509>(policy.own.pem, PEM_read_bio_X509, &X509_free);
    const auto key = parse<EVP_PKEY>(policy.own.key, PEM_read_bio_PrivateKey, &EVP_PKEY_free);
    SSL_CTX* c = context_.get();
    if (SSL_CTX_use_certificate(c, own.get()) != 1 || SSL_CTX_use_PrivateKey(c, key.get()) != 1)
        throw std::runtime_error("the server's certificate is no good");
    if (policy.only_1_2) SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    if (!policy.client_authority.empty()) {
        const auto trusted = parse<X509>(policy.client_authority, PEM_read_bio_X509, &X509_free);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(c), trusted.get());
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        // The virtual world's time of day is not the system's.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_NO_CHECK_TIME);
    }
    ssl_ = {SSL_new(c), SSL_free};
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
}

bool tls_end::step() {
    const std::string came = peer_->take(most_);
    wire_ += came;
    if (came.empty() || failed_) return !came.empty();
    BIO_write(SSL_get_rbio(ssl_.get()), came.data(), static_cast<int>(came.size()));
    std::array<char, 4096> part{};
    for (;;) {
        const int n = SSL_read(ssl_.get(), part.data(), static_cast<int>(part.size()));
        if (n > 0) {
            plain_.append(part.data(), static_cast<std::size_t>(n));
            continue;
        }
        const int why = SSL_get_error(ssl_.get(), n);
        failed_ = why == SSL_ERROR_SSL;
        break;
    }
    ERR_clear_error();
    flush();
    if (failed_) peer_->close();
    return true;
}

void tls_end::flush() {
    char* data = nullptr;
    BIO* out = SSL_get_wbio(ssl_.get());
    const long n = BIO_get_mem_data(out, &data);
    if (n > 0) peer_->send({data, static_cast<std::size_t>(n)});
    (void)BIO_reset(out);
}

bool tls_end::established() const { return SSL_is_init_finished(ssl_.get()) == 1; }

bool tls_end::told_of_end() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

std::string tls_end::asked_for() const {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
}

void tls_end::send(std::string_view bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    flush();
}

}    // namespace muster::test
