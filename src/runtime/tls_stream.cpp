// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/tls_stream.hpp"

#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

namespace muster::runtime {
namespace {

namespace ssl = boost::asio::ssl;
using zk::tls_errc;

constexpr std::size_t longest_text = 200;
constexpr int most_names = 5;

/// What stands in a certificate, made fit for a message.
std::string printable(std::string_view s) {
    std::string out(s.substr(0, longest_text));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c >= 0x7F; }, '?');
    return s.size() > longest_text ? out + "..." : out;
}

struct openssl_free {
    void operator()(BIO* b) const noexcept { BIO_free(b); }
    void operator()(GENERAL_NAMES* n) const noexcept { GENERAL_NAMES_free(n); }
};
template <class T>
using owned = std::unique_ptr<T, openssl_free>;

std::string take(BIO* b) {
    char* data = nullptr;
    const long n = BIO_get_mem_data(b, &data);
    return n > 0 ? std::string(data, static_cast<std::size_t>(n)) : std::string();
}

std::string text_of(X509_NAME* name) {
    const owned<BIO> out(BIO_new(BIO_s_mem()));
    if (!out) return {};
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
    return printable(take(out.get()));
}

std::string text_of(const ASN1_TIME* t) {
    const owned<BIO> out(BIO_new(BIO_s_mem()));
    if (!out) return {};
    ASN1_TIME_print(out.get(), t);
    return take(out.get());
}

std::string text_of(const ASN1_OCTET_STRING& address) {
    const auto* bytes = ASN1_STRING_get0_data(&address);
    const auto n = static_cast<std::size_t>(ASN1_STRING_length(&address));
    if (asio::ip::address_v4::bytes_type v4{}; n == v4.size()) {
        std::copy_n(bytes, n, v4.begin());
        return asio::ip::make_address_v4(v4).to_string();
    }
    if (asio::ip::address_v6::bytes_type v6{}; n == v6.size()) {
        std::copy_n(bytes, n, v6.begin());
        return asio::ip::make_address_v6(v6).to_string();
    }
    return "?";
}

/// The hosts that a certificate is for.
std::string hosts_of(X509* certificate) {
    const owned<GENERAL_NAMES> all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::string out;
    int listed = 0;
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
        std::string text;
        if (name->type == GEN_DNS) {
            text = printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                              static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))});
        } else if (name->type == GEN_IPADD) {
            text = text_of(*name->d.iPAddress);
        } else {
            continue;
        }
        if (listed++ == most_names) return out + ", ...";
        out += (out.empty() ? "" : ", ") + text;
    }
    return out.empty() ? "no host" : out;
}

/// What `ssl::stream` needs of the stream below.
class lower_layer {
public:
    using executor_type = asio::any_io_executor;
    using lowest_layer_type = lower_layer;

    lower_layer(const asio::any_io_executor& ex, std::shared_ptr<byte_stream> s) : ex_(ex), stream_(std::move(s)) {}

    const executor_type& get_executor() const noexcept { return ex_; }
    lowest_layer_type& lowest_layer() noexcept { return *this; }
    byte_stream& stream() noexcept { return *stream_; }

    void close() noexcept {
        closed_ = true;
        stream_->close();
    }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler h) {
        const asio::mutable_buffer b = *asio::buffer_sequence_begin(buffers);
        // With room for nothing, Asio means: later.
        if (b.size() == 0) return asio::post(ex_, asio::append(std::move(h), error_code(), std::size_t{0}));
        // A read that completes once it is closed must not be decrypted: the buffer that waits for it may be gone by then.
        const auto ex = asio::get_associated_executor(h, ex_);
        stream_->async_read_some(b, asio::bind_executor(ex, [this, h = std::move(h)](error_code ec, std::size_t n) mutable {
                                     if (closed_ && !ec) ec = asio::error::operation_aborted;
                                     std::move(h)(ec, n);
                                 }));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler h) {
        stream_->async_write(*asio::buffer_sequence_begin(buffers), size_handler(std::move(h)));
    }

private:
    const asio::any_io_executor ex_;
    const std::shared_ptr<byte_stream> stream_;
    bool closed_ = false;
};

class tls_stream final : public secure_stream, public std::enable_shared_from_this<tls_stream> {
public:
    tls_stream(const asio::any_io_executor& ex, std::shared_ptr<byte_stream> below, const zk::tls_options& options,
               tls_credentials::context_ptr context, const tls_peer& peer, wall_time_point today)
        : ex_(ex),
          context_(std::move(context)),
          where_(fmt::format("{}:{}", peer.host, peer.port)),
          name_(options.server_name.empty() ? peer.host : options.server_name),
          has_certificate_(!options.certificate_chain_file.empty()),
          stream_(lower_layer(ex, std::move(below)), *context_) {
        if (name_.size() > 1 && name_.back() == '.') name_.pop_back();    // of a name only; certificates have none
        error_code not_an_address;
        asio::ip::make_address(name_, not_an_address);
        SSL* native = stream_.native_handle();
        // SSL_set_tlsext_host_name, without its cast.
        if (not_an_address) SSL_ctrl(native, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name_.data());
        if (!options.verify_peer) {
            stream_.set_verify_mode(ssl::verify_none);
            return;
        }
        X509_VERIFY_PARAM* param = SSL_get0_param(native);
        X509_VERIFY_PARAM_set_time(param, std::chrono::system_clock::to_time_t(today));
        if (options.verify_host_name) {
            X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            // What is neither matches no certificate.
            if (not_an_address || X509_VERIFY_PARAM_set1_ip_asc(param, name_.c_str()) != 1)
                named_ = X509_VERIFY_PARAM_set1_host(param, name_.c_str(), name_.size()) == 1;
        }
        stream_.set_verify_mode(ssl::verify_peer);
        stream_.set_verify_callback([this](bool fine, ssl::verify_context& v) {
            if (!fine && !refusal_) note_refusal(v.native_handle());
            return fine && named_;
        });
    }

    void async_handshake(void_handler h) override {
        const auto ex = asio::get_associated_executor(h, ex_);
        stream_.async_handshake(ssl::stream_base::client,
                                asio::bind_executor(ex, [self = shared_from_this(), h = std::move(h)](error_code ec) mutable {
                                    self->established_ = !ec;
                                    std::move(h)(self->translated(ec));
                                }));
    }

    void async_read_some(asio::mutable_buffer b, size_handler h) override {
        const auto ex = asio::get_associated_executor(h, ex_);
        stream_.async_read_some(
            b, asio::bind_executor(ex, [self = shared_from_this(), h = std::move(h)](error_code ec, std::size_t n) mutable {
                std::move(h)(self->translated(ec), n);
            }));
    }

    void async_write(asio::const_buffer b, size_handler h) override {
        const auto ex = asio::get_associated_executor(h, ex_);
        writing_ = true;
        auto count = [self = shared_from_this(), size = b.size()](const error_code& ec, std::size_t written) {
            self->left_ = size - written;
            return asio::transfer_all()(ec, written);
        };
        asio::async_write(
            stream_, b, std::move(count),
            asio::bind_executor(ex, [self = shared_from_this(), h = std::move(h)](error_code ec, std::size_t n) mutable {
                self->writing_ = false;
                self->left_ = 0;
                std::move(h)(ec, n);
            }));
    }

    /// Encrypted it is a little more, and what is being encrypted counts twice: nobody needs to know it that well.
    std::size_t undelivered() noexcept override { return left_ + stream_.next_layer().stream().undelivered(); }

    std::string explanation() const override { return explanation_; }

    void close() noexcept override {
        if (std::exchange(closed_, true)) return;
        if (established_ && !writing_) say_goodbye();
        stream_.next_layer().close();
    }

private:
    /// Asio's way would wait for the peer. OpenSSL is given a buffer to say it to instead, and the stream below takes it or not.
    void say_goodbye() noexcept {
        BIO* out = BIO_new(BIO_s_mem());
        if (!out) return;
        SSL* native = stream_.native_handle();
        SSL_set0_wbio(native, out);
        SSL_shutdown(native);
        ERR_clear_error();
        char* data = nullptr;
        const long n = BIO_get_mem_data(out, &data);
        error_code ignored;
        if (n > 0) stream_.next_layer().stream().try_write(asio::buffer(data, static_cast<std::size_t>(n)), ignored);
    }

    /// The chain is verified from its root to the server's certificate; the first fault counts.
    void note_refusal(X509_STORE_CTX* v) {
        const int fault = X509_STORE_CTX_get_error(v);
        const char* reason = X509_verify_cert_error_string(fault);
        X509* certificate = X509_STORE_CTX_get_current_cert(v);
        if (!certificate) {
            refusal_ = tls_errc::certificate_invalid;
            explanation_ = fmt::format("{}: {}", where_, reason);
            return;
        }
        const std::string subject = text_of(X509_get_subject_name(certificate));
        const auto tell = [&](tls_errc e, const std::string& what) {
            refusal_ = e;
            explanation_ = fmt::format("the certificate '{}' of {} {}", subject, where_, what);
        };
        switch (fault) {
            case X509_V_ERR_HOSTNAME_MISMATCH:
            case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return tell(tls_errc::wrong_host_name, fmt::format("is for {}, not for {}", hosts_of(certificate), name_));
            case X509_V_ERR_CERT_HAS_EXPIRED:
                return tell(tls_errc::certificate_expired,
                            fmt::format("has expired on {}", text_of(X509_get0_notAfter(certificate))));
            case X509_V_ERR_CERT_NOT_YET_VALID:
                return tell(tls_errc::certificate_not_yet_valid,
                            fmt::format("is not valid before {}", text_of(X509_get0_notBefore(certificate))));
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
            case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            case X509_V_ERR_CERT_UNTRUSTED:
            case X509_V_ERR_CERT_SIGNATURE_FAILURE:
                return tell(tls_errc::certificate_untrusted, fmt::format("is signed by '{}', which is not trusted ({})",
                                                                         text_of(X509_get_issuer_name(certificate)), reason));
            default:
                return tell(tls_errc::certificate_invalid, fmt::format("is not accepted ({})", reason));
        }
    }

    error_code told(tls_errc e, std::string explanation) {
        explanation_ = std::move(explanation);
        return e;
    }

    /// The error as people should have it, and `explanation_` for it.
    error_code translated(const error_code& ec) {
        if (!ec) return ec;
        if (refusal_) return *refusal_;
        explanation_.clear();
        if (ec == asio::error::eof || ec == ssl::error::stream_truncated) {
            // A server closes its connections without ceremony; what is half a frame is not taken for a whole one in any case.
            if (established_) return asio::error::eof;
            return told(tls_errc::not_tls,
                        fmt::format("{} ended the connection in the TLS handshake: is the port one for TLS?", where_));
        }
        if (ec.category() != asio::error::get_ssl_category()) return ec;
        const auto reason = ERR_GET_REASON(static_cast<unsigned long>(ec.value()));
        const char* known = ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
        const std::string text = known ? known : ec.message();
        switch (reason) {
            case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
                return told(tls_errc::client_certificate_missing,
                            fmt::format("{} asks for a client certificate ({})", where_, text));
            case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
                // OpenSSL's servers say this before TLS 1.3, and for other things, too.
                if (!has_certificate_ && SSL_get0_certificate_types(stream_.native_handle(), nullptr) > 0) {
                    return told(tls_errc::client_certificate_missing,
                                fmt::format("{} asks for a client certificate ({})", where_, text));
                }
                break;
            case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
            case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
            case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
            case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
                return has_certificate_ ? told(tls_errc::client_certificate_refused,
                                               fmt::format("{} does not accept the client certificate ({})", where_, text))
                                        : told(tls_errc::client_certificate_missing,
                                               fmt::format("{} asks for a client certificate ({})", where_, text));
            case SSL_R_WRONG_VERSION_NUMBER:
                return told(tls_errc::not_tls, fmt::format("{} does not speak TLS: is the port one for TLS?", where_));
            default:
                break;
        }
        return told(tls_errc::handshake_failed, fmt::format("{}: {}", where_, text));
    }

    const asio::any_io_executor ex_;
    const tls_credentials::context_ptr context_;
    const std::string where_;
    std::string name_;
    const bool has_certificate_;
    ssl::stream<lower_layer> stream_;
    std::optional<tls_errc> refusal_;
    std::string explanation_;
    bool established_ = false;
    bool writing_ = false;
    std::size_t left_ = 0;    // what a write has not encrypted yet
    bool named_ = true;       // OpenSSL knows the name to be verified; without, it would verify none
    bool closed_ = false;
};

}    // namespace

std::shared_ptr<secure_stream> make_tls_stream(const asio::any_io_executor& ex, std::shared_ptr<byte_stream> below,
                                               const zk::tls_options& options, tls_credentials::context_ptr context,
                                               const tls_peer& peer, wall_time_point today) {
    return std::make_shared<tls_stream>(ex, std::move(below), options, std::move(context), peer, today);
}

}    // namespace muster::runtime
