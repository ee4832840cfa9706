// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/tls_credentials.hpp"

#include <muster/zk/error.hpp>

#include "support/certificates.hpp"
#include "support/scratch.hpp"

#include <boost/asio/ssl/context.hpp>

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

using namespace muster;
using namespace muster::test;
using runtime::tls_credentials;

TEST_SUITE_BEGIN("TLS credentials");

namespace {

struct files {
    files() : ca("CA", std::chrono::system_clock::now()), own(ca.issue("me", {})) {
        write_file(path("ca.pem"), ca.pem());
        write_file(path("me.pem"), own.pem);
        write_file(path("me.key"), own.key);
        options.ca_file = path("ca.pem");
        options.certificate_chain_file = path("me.pem");
        options.private_key_file = path("me.key");
    }

    temp_dir dir;
    authority ca;
    certificate own;
    zk::tls_options options;

    std::string path(const std::string& name) const { return (dir.path() / name).string(); }
    /// Why the options are refused; empty if they are not.
    std::string complaint() const {
        tls_credentials c(options);
        const auto context = c.current();
        if (context) return {};
        CHECK(context.error().code == zk::client_errc::invalid_argument);
        return context.error().message;
    }
};

}    // namespace

TEST_CASE("good files are accepted") {
    files f;
    CHECK(f.complaint().empty());
    f.options.private_key_file = f.options.certificate_chain_file;
    write_file(f.path("me.pem"), f.own.pem + f.own.key);
    CHECK(f.complaint().empty());
    f.options.ca_path = f.dir.path().string();
    CHECK(f.complaint().empty());
    f.options = {};
    CHECK(f.complaint().empty());
}

TEST_CASE("each option that cannot be used is named, with its value and what was expected") {
    files f;
    const std::string nowhere = f.path("nowhere");
    const std::string ca = f.options.ca_file, chain = f.options.certificate_chain_file, key = f.options.private_key_file;
    SUBCASE("files that are not there") {
        f.options.ca_file = nowhere;
        CHECK(f.complaint() ==
              "tls.ca_file '" + nowhere + "': expected a PEM file of trusted certificates (No such file or directory)");
        f.options.ca_file = ca;
        f.options.certificate_chain_file = nowhere;
        CHECK(f.complaint() == "tls.certificate_chain_file '" + nowhere +
                                   "': expected a PEM file with the client's certificate (No such file or directory)");
        f.options.certificate_chain_file = chain;
        f.options.private_key_file = nowhere;
        CHECK(f.complaint() ==
              "tls.private_key_file '" + nowhere + "': expected a PEM file with a private key (No such file or directory)");
        f.options.private_key_file = key;
        f.options.ca_path = nowhere;
        CHECK(f.complaint() ==
              "tls.ca_path '" + nowhere +
                  "': expected a folder of trusted certificates, named by their hashes (No such file or directory)");
        f.options.ca_path = ca;
        CHECK(f.complaint().ends_with("(not a folder)"));
        f.options.ca_path.clear();
        f.options.ca_file = f.dir.path().string();
        CHECK(f.complaint().ends_with("(not a regular file)"));
    }
    SUBCASE("files of something else") {
        write_file(ca, "");
        CHECK(f.complaint() == "tls.ca_file '" + ca + "': expected a PEM file of trusted certificates (no start line)");
        write_file(ca, f.own.key);
        CHECK(f.complaint().ends_with("(no start line)"));
        write_file(ca, f.ca.pem().substr(0, 200));
        CHECK(f.complaint().starts_with("tls.ca_file '" + ca + "': expected a PEM file of trusted certificates ("));
        write_file(ca, f.ca.pem());
        write_file(chain, f.own.key);
        CHECK(f.complaint() ==
              "tls.certificate_chain_file '" + chain + "': expected a PEM file with the client's certificate (no start line)");
        write_file(chain, f.own.pem);
        write_file(key, f.own.pem);
        CHECK(f.complaint().starts_with("tls.private_key_file '" + key + "': expected a PEM file with a private key"));
        write_file(key, f.own.key.substr(0, 60));
        CHECK(f.complaint().starts_with("tls.private_key_file '" + key + "': expected a PEM file with a private key"));
    }
    SUBCASE("a key of another certificate") {
        write_file(key, f.ca.issue("other", {}).key);
        CHECK(f.complaint() == "tls.private_key_file '" + key +
                                   "': expected the private key of the certificate in tls.certificate_chain_file '" + chain +
                                   "' (key values mismatch)");
    }
    SUBCASE("one without the other") {
        f.options.private_key_file.clear();
        CHECK(f.complaint() ==
              "tls.certificate_chain_file '" + chain + "': expected a private key beside it, in tls.private_key_file");
        f.options.private_key_file = key;
        f.options.certificate_chain_file.clear();
        CHECK(f.complaint() ==
              "tls.private_key_file '" + key + "': expected a certificate beside it, in tls.certificate_chain_file");
    }
    SUBCASE("a name that is none") {
        f.options.server_name = "a b";
        CHECK(f.complaint() == "tls.server_name 'a b': expected a host name or an address");
        f.options.server_name = std::string("a\0b", 3);
        CHECK(!f.complaint().empty());
    }
}

TEST_CASE("encrypted keys need their password, which is never shown") {
    files f;
    const std::string key = f.options.private_key_file;
    write_file(key, f.own.key_with("sesame-4711"));
    f.options.key_password = "sesame-4711";
    CHECK(f.complaint().empty());
    f.options.key_password = "wrong-0815";
    CHECK(f.complaint() ==
          "tls.private_key_file '" + key + "': expected a private key that the password in tls.key_password opens");
    f.options.key_password = std::string(100'000, 'p');
    CHECK(f.complaint() ==
          "tls.private_key_file '" + key + "': expected a private key that the password in tls.key_password opens");
    f.options.key_password.clear();
    CHECK(f.complaint() ==
          "tls.private_key_file '" + key + "': expected a password in tls.key_password, since the key is encrypted");
}

TEST_CASE("files are read again when they have changed, and only then") {
    files f;
    tls_credentials c(f.options);
    const auto first = c.current().value();
    CHECK(c.current().value() == first);
    SUBCASE("replaced by another file") {
        write_file(f.options.ca_file, authority("CA", std::chrono::system_clock::now()).pem());
        CHECK(c.current().value() != first);
    }
    SUBCASE("half-written, then whole") {
        write_file(f.options.private_key_file, f.own.key.substr(0, 80));
        CHECK(!c.current());
        CHECK(!c.current());
        write_file(f.options.private_key_file, f.own.key);
        const auto second = c.current().value();
        CHECK(second != first);
        CHECK(c.current().value() == second);
    }
    SUBCASE("gone") {
        std::filesystem::remove(f.options.ca_file);
        CHECK(!c.current());
    }
}

namespace {

struct x509_free {
    void operator()(X509* c) const noexcept { X509_free(c); }
    void operator()(X509_STORE_CTX* c) const noexcept { X509_STORE_CTX_free(c); }
};

std::unique_ptr<X509, x509_free> parsed(const std::string& pem) {
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    std::unique_ptr<X509, x509_free> c(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
    BIO_free(bio);
    REQUIRE(c);
    return c;
}

/// Whether who has that context trusts what the authority has signed.
bool trusts(const tls_credentials::context_ptr& context, const authority& by) {
    const auto c = parsed(by.issue("zk", {}).pem);
    const std::unique_ptr<X509_STORE_CTX, x509_free> judge(X509_STORE_CTX_new());
    REQUIRE(X509_STORE_CTX_init(judge.get(), SSL_CTX_get_cert_store(context->native_handle()), c.get(), nullptr) == 1);
    return X509_verify_cert(judge.get()) == 1;
}

/// A folder of authorities, as OpenSSL looks for them.
struct folder {
    folder() { std::filesystem::create_directory(path); }

    temp_dir dir;
    const std::filesystem::path path = dir.path() / "trusted";

    std::filesystem::path file_of(const authority& a) const {
        return path / fmt::format("{:08x}.0",
                                  X509_NAME_hash_ex(X509_get_subject_name(parsed(a.pem()).get()), nullptr, nullptr, nullptr));
    }
    /// The same file, with other content: neither the folder nor the inode tells. The clock of the file system may not, either,
    /// where that is done at once: so each time it has another size.
    void write(const authority& a) { std::ofstream(file_of(a), std::ios::binary) << a.pem() << std::string(++writes, '\n'); }
    std::size_t writes = 0;
};

/// A variable of the environment, for as long as this lives.
struct variable {
    variable(const char* n, const std::string& value) : name(n) {
        if (const char* now = std::getenv(n)) before = now;
        ::setenv(n, value.c_str(), 1);
    }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;
    ~variable() { before ? ::setenv(name, before->c_str(), 1) : ::unsetenv(name); }

    const char* name;
    std::optional<std::string> before;
};

}    // namespace

TEST_CASE("authorities in a folder are read again when one was replaced or removed in its place") {
    const auto now = std::chrono::system_clock::now();
    const authority first("CA", now), second("CA", now), other("Other CA", now);
    folder f, elsewhere;
    zk::tls_options options;
    std::optional<variable> file, folders;
    SUBCASE("a folder that the options name") { options.ca_path = f.path.string(); }
    SUBCASE("one of those that the system has") {
        file.emplace(X509_get_default_cert_file_env(), (f.dir.path() / "none").string());
        folders.emplace(X509_get_default_cert_dir_env(), elsewhere.path.string() + ":" + f.path.string());
    }
    f.write(first);
    f.write(other);
    tls_credentials c(options);
    const auto before = c.current().value();
    CHECK(trusts(before, first));
    CHECK(trusts(before, other));
    CHECK(!trusts(before, second));
    write_file((f.path / "note.txt").string(), "not looked at");
    const auto same = c.current().value();
    CHECK(c.current().value() == same);

    f.write(second);    // with the same name, and in the same file
    const auto after = c.current().value();
    CHECK(trusts(after, second));
    CHECK(!trusts(after, first));
    CHECK(trusts(after, other));
    CHECK(c.current().value() == after);

    std::filesystem::remove(f.file_of(other));
    CHECK(!trusts(c.current().value(), other));
    CHECK(trusts(c.current().value(), second));

    std::ofstream(f.file_of(second), std::ios::binary) << "";
    CHECK(!trusts(c.current().value(), second));
}

TEST_CASE("a link in a folder of authorities counts as what it leads to") {
    const auto now = std::chrono::system_clock::now();
    const authority first("CA", now), second("CA", now);
    folder f;
    write_file((f.dir.path() / "ca.pem").string(), first.pem());
    std::filesystem::create_symlink("../ca.pem", f.file_of(first));
    zk::tls_options options;
    options.ca_path = f.path.string();
    tls_credentials c(options);
    CHECK(trusts(c.current().value(), first));
    std::ofstream(f.dir.path() / "ca.pem", std::ios::binary) << second.pem() << "\n";
    CHECK(trusts(c.current().value(), second));
    CHECK(!trusts(c.current().value(), first));
}

TEST_SUITE_END();
