// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/tls_credentials.hpp"

#include <muster/zk/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

namespace muster::runtime {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

constexpr off_t largest_file = 16 * 1024 * 1024;

struct openssl_free {
    void operator()(BIO* b) const noexcept { BIO_free(b); }
    void operator()(EVP_PKEY* k) const noexcept { EVP_PKEY_free(k); }
};
template <class T>
using owned = std::unique_ptr<T, openssl_free>;

diagnostic wrong(const std::string& name, const std::string& value, const std::string& expected, const std::string& why = {}) {
    return {zk::client_errc::invalid_argument,
            fmt::format("{} '{}': expected {}{}", name, value, expected, why.empty() ? why : " (" + why + ")")};
}

std::string text_of(int error) { return std::generic_category().message(error); }

/// What OpenSSL says of its last error: Asio leaves it where it was, or takes it into `ec`.
std::string reason_of(const error_code& ec = error_code()) {
    const unsigned long left = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(left != 0 ? left : static_cast<unsigned long>(ec.value()));
    return reason ? reason : "";
}

/// All of a file that can be read without waiting for anybody.
result<std::string> contents(const std::string& name, const std::string& path, const char* expected) {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return wrong(name, path, expected, text_of(errno));
    if (!S_ISREG(s.st_mode)) return wrong(name, path, expected, "not a regular file");
    if (s.st_size > largest_file) return wrong(name, path, expected, "larger than 16 MiB");
    std::ifstream in(path, std::ios::binary);
    if (!in) return wrong(name, path, expected, text_of(errno));
    std::string all{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) return wrong(name, path, expected, "it cannot be read");
    return all;
}

struct password_request {
    const std::string& password;
    bool asked = false;
};

int give_password(char* into, int size, int, void* user) {
    auto& r = *static_cast<password_request*>(user);
    r.asked = true;
    if (r.password.empty() || r.password.size() > static_cast<std::size_t>(size)) return -1;
    std::copy(r.password.begin(), r.password.end(), into);
    return static_cast<int>(r.password.size());
}

/// What the environment says, or else what is usual.
std::string set_or(const char* variable, const char* usual) {
    const char* set = std::getenv(variable);
    return set ? set : usual;
}

/// Names of the files of a folder in which OpenSSL looks for authorities, in order: those that are called by a hash, as in
/// "9d66eef0.0".
std::vector<std::string> authorities_in(const std::string& folder) {
    constexpr std::size_t digits = 8;
    std::vector<std::string> all;
    std::error_code ec;
    for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
        const std::string name = it->path().filename().string();
        if (name.find_first_not_of("0123456789abcdefABCDEF") == digits && name[digits] == '.') all.push_back(it->path().string());
    }
    std::sort(all.begin(), all.end());
    return all;
}

bool is_plain(const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}    // namespace

tls_credentials::tls_credentials(zk::tls_options options, tls_names names)
    : options_(std::move(options)), names_(std::move(names)) {}

tls_credentials::stamp tls_credentials::stamp_of(const std::string& path) {
    struct stat s {};
    stamp all;
    all.path = path;
    if (path.empty() || ::stat(path.c_str(), &s) != 0) return all;
    const auto nanoseconds = [](const timespec& t) { return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; };
    all.device = s.st_dev;
    all.inode = s.st_ino;
    all.size = static_cast<std::uint64_t>(s.st_size);
    all.modified = nanoseconds(s.st_mtim);
    all.changed = nanoseconds(s.st_ctim);
    return all;
}

std::vector<tls_credentials::stamp> tls_credentials::stamps() const {
    const auto& o = options_;
    std::vector<stamp> all;
    // OpenSSL keeps what it has found in a folder, and looks for more only when it is asked for another authority.
    const auto add_folder = [&all](const std::string& path) {
        all.push_back(stamp_of(path));
        for (const auto& file : authorities_in(path)) all.push_back(stamp_of(file));
    };
    for (const auto& path : {o.ca_file, o.certificate_chain_file, o.private_key_file}) all.push_back(stamp_of(path));
    if (!o.ca_path.empty()) add_folder(o.ca_path);
    if (o.ca_file.empty() && o.ca_path.empty()) {
        all.push_back(stamp_of(set_or(X509_get_default_cert_file_env(), X509_get_default_cert_file())));
        std::istringstream folders(set_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
        for (std::string path; std::getline(folders, path, ':');) add_folder(path);
    }
    return all;
}

result<tls_credentials::context_ptr> tls_credentials::current() {
    // Before they are read: what changes meanwhile is read again.
    auto now = stamps();
    if (!context_ || now != stamps_) {
        context_.reset();
        auto loaded = load();
        ERR_clear_error();
        if (!loaded) return loaded.error();
        context_ = std::move(*loaded);
        stamps_ = std::move(now);
    }
    return context_;
}

result<tls_credentials::context_ptr> tls_credentials::load() const {
    const auto& o = options_;
    // To OpenSSL a dot at the beginning means any host of the domain.
    if (!is_plain(o.server_name) || o.server_name.starts_with('.'))
        return wrong(names_.server_name, o.server_name, "a host name or an address");
    if (o.certificate_chain_file.empty() != o.private_key_file.empty()) {
        const bool has_key = o.certificate_chain_file.empty();
        return wrong(has_key ? names_.private_key_file : names_.certificate_chain_file,
                     has_key ? o.private_key_file : o.certificate_chain_file,
                     has_key ? "a certificate beside it, in " + names_.certificate_chain_file
                             : "a private key beside it, in " + names_.private_key_file);
    }
    ERR_clear_error();
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX* native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, o.min_version == zk::tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    error_code ec;

    // Whom to trust.
    if (!o.ca_file.empty()) {
        constexpr const char* expected = "a PEM file of trusted certificates";
        const auto pem = contents(names_.ca_file, o.ca_file, expected);
        if (!pem) return pem.error();
        context->add_certificate_authority(asio::buffer(*pem), ec);
        if (ec) return wrong(names_.ca_file, o.ca_file, expected, reason_of(ec));
    }
    if (!o.ca_path.empty()) {
        struct stat s {};
        constexpr const char* expected = "a folder of trusted certificates, named by their hashes";
        if (::stat(o.ca_path.c_str(), &s) != 0) return wrong(names_.ca_path, o.ca_path, expected, text_of(errno));
        if (!S_ISDIR(s.st_mode)) return wrong(names_.ca_path, o.ca_path, expected, "not a folder");
        context->add_verify_path(o.ca_path, ec);
        if (ec) return wrong(names_.ca_path, o.ca_path, expected, reason_of(ec));
    }
    if (o.ca_file.empty() && o.ca_path.empty()) context->set_default_verify_paths(ec);    // there may be none

    // Who we are.
    if (o.certificate_chain_file.empty()) return context;
    {
        constexpr const char* expected = "a PEM file with the client's certificate";
        const auto pem = contents(names_.certificate_chain_file, o.certificate_chain_file, expected);
        if (!pem) return pem.error();
        context->use_certificate_chain(asio::buffer(*pem), ec);
        if (ec) return wrong(names_.certificate_chain_file, o.certificate_chain_file, expected, reason_of(ec));
    }
    constexpr const char* expected = "a PEM file with a private key";
    const auto pem = contents(names_.private_key_file, o.private_key_file, expected);
    if (!pem) return pem.error();
    const owned<BIO> bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
    password_request request{o.key_password};
    const owned<EVP_PKEY> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &request) : nullptr);
    if (!key && request.asked) {
        ERR_clear_error();
        return wrong(names_.private_key_file, o.private_key_file,
                     o.key_password.empty() ? "a password in " + names_.key_password + ", since the key is encrypted"
                                            : "a private key that the password in " + names_.key_password + " opens");
    }
    if (!key) return wrong(names_.private_key_file, o.private_key_file, expected, reason_of());
    if (X509_check_private_key(SSL_CTX_get0_certificate(native), key.get()) != 1 ||
        SSL_CTX_use_PrivateKey(native, key.get()) != 1) {
        return wrong(
            names_.private_key_file, o.private_key_file,
            fmt::format("the private key of the certificate in {} '{}'", names_.certificate_chain_file, o.certificate_chain_file),
            reason_of());
    }
    return context;
}

}    // namespace muster::runtime
