// Part of muster. Boost Software License 1.0, see LICENSE.
//
// SASL by Cyrus SASL. Steps are taken on the context's worker: Kerberos may ask its servers for tickets, and waits for them.
#include "runtime/completion.hpp"
#include "runtime/sasl.hpp"
#include "runtime/worker.hpp"

#include <sasl/sasl.h>

#include <fmt/format.h>

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

namespace muster::runtime {
namespace {

using zk::sasl_errc;
using zk::sasl_mechanism;

// What each of Apache's servers calls itself to users of DIGEST-MD5.
constexpr const char* digest_server = "zk-sasl-md5";

/// Once a process; it is never undone, since others in the process may use the library, too.
int initialise() {
    static const int result = sasl_client_init(nullptr);
    return result;
}

/// Cyrus SASL's DIGEST-MD5 keeps what all its connections share behind mutexes that do nothing unless the whole process has
/// agreed on them. It computes only: nobody waits for long.
std::mutex& digest_mutex() {
    static std::mutex m;
    return m;
}

using callback = int (*)();

/// As Cyrus SASL wants all of them; GCC warns of it unless it goes by way of `void (*)()`.
template <class Function>
callback untyped(Function* f) noexcept {
    return reinterpret_cast<callback>(reinterpret_cast<void (*)()>(f));
}

/// One exchange, used on the worker only. What the callbacks give must stay where it is.
class dialog {
public:
    dialog(const zk::sasl_options& o, const std::string& host)
        : mechanism_(o.mechanism), user_(o.user), service_(o.service), server_(o.server_name) {
        if (server_.empty()) server_ = digest() ? digest_server : host;
        if (digest()) keep(o.password);
        callbacks_ = {{{SASL_CB_USER, untyped(&get_name), this},
                       {SASL_CB_AUTHNAME, untyped(&get_name), this},
                       {SASL_CB_PASS, untyped(&get_secret), this},
                       {SASL_CB_GETREALM, untyped(&get_realm), this},
                       {SASL_CB_LOG, untyped(&swallow), nullptr},
                       {SASL_CB_LIST_END, nullptr, nullptr}}};
    }
    dialog(const dialog&) = delete;
    dialog& operator=(const dialog&) = delete;
    ~dialog() {
        const auto lock = guard();
        sasl_dispose(&connection_);
        OPENSSL_cleanse(secret_.get(), secret_bytes_);
    }

    struct answer {
        error_code ec;
        std::optional<std::string> token;
        bool complete = false;
        std::string detail;    // what the mechanism says of the error
    };

    answer step(std::string_view challenge) {
        const auto lock = guard();
        const char* out = nullptr;
        unsigned length = 0;
        const bool first = connection_ == nullptr;
        const int code = first ? start(&out, &length)
                               : sasl_client_step(connection_, challenge.data(), static_cast<unsigned>(challenge.size()), nullptr,
                                                  &out, &length);
        answer a;
        a.complete = code == SASL_OK;
        if (code != SASL_OK && code != SASL_CONTINUE) {
            a.ec = error_of(code);
            a.detail = connection_ != nullptr ? sasl_errdetail(connection_) : sasl_errstring(code, nullptr, nullptr);
        } else if (!a.complete || length != 0) {
            a.token.emplace(out == nullptr ? "" : out, length);
        }
        return a;
    }

private:
    struct release {
        void operator()(sasl_secret_t* s) const noexcept { ::operator delete(s); }
    };

    bool digest() const noexcept { return mechanism_ == sasl_mechanism::digest_md5; }

    std::unique_lock<std::mutex> guard() const {
        return digest() ? std::unique_lock(digest_mutex()) : std::unique_lock<std::mutex>();
    }

    int start(const char** out, unsigned* length) {
        if (const int code = initialise(); code != SASL_OK) return code;
        if (const int code =
                sasl_client_new(service_.c_str(), server_.c_str(), nullptr, nullptr, callbacks_.data(), 0, &connection_);
            code != SASL_OK)
            return code;
        sasl_security_properties_t no_layer{};    // ZooKeeper has none: what follows is as it would be without SASL
        sasl_setprop(connection_, SASL_SEC_PROPS, &no_layer);
        const char* chosen = nullptr;
        // Java's DIGEST-MD5 takes no initial response, and Cyrus SASL would send one to a server that it has seen before
        // (JDK-6682540): only with nowhere to put it does it wait for the challenge.
        if (digest()) return sasl_client_start(connection_, "DIGEST-MD5", nullptr, nullptr, nullptr, &chosen);
        return sasl_client_start(connection_, "GSSAPI", nullptr, out, length, &chosen);
    }

    static error_code error_of(int code) {
        switch (code) {
            case SASL_NOMECH:
                return sasl_errc::no_mechanism;
            case SASL_BADSERV:
                return sasl_errc::server_untrusted;
            default:
                return sasl_errc::step_failed;
        }
    }

    void keep(const std::string& password) {
        secret_bytes_ = offsetof(sasl_secret_t, data) + password.size() + 1;
        secret_.reset(new (::operator new(std::max(secret_bytes_, sizeof(sasl_secret_t)))) sasl_secret_t);
        secret_->len = password.size();
        std::memcpy(secret_->data, password.data(), password.size());
        secret_->data[password.size()] = 0;
    }

    // Of whom one acts for: of oneself, which an empty name says.
    static int get_name(void* self, int id, const char** result, unsigned* length) {
        static const std::string nobody;
        const std::string& name = id == SASL_CB_AUTHNAME ? static_cast<dialog*>(self)->user_ : nobody;
        *result = name.c_str();
        if (length != nullptr) *length = static_cast<unsigned>(name.size());
        return SASL_OK;
    }
    static int get_secret(sasl_conn_t*, void* self, int, sasl_secret_t** secret) {
        *secret = static_cast<dialog*>(self)->secret_.get();
        return *secret != nullptr ? SASL_OK : SASL_FAIL;
    }
    // Asked where the server offers several, of which the user has none to prefer.
    static int get_realm(void*, int, const char** offered, const char** chosen) {
        *chosen = offered != nullptr && *offered != nullptr ? *offered : "";
        return SASL_OK;
    }
    // It would go to the system's log.
    static int swallow(void*, int, const char*) { return SASL_OK; }

    const sasl_mechanism mechanism_;
    const std::string user_;
    const std::string service_;
    std::string server_;
    std::size_t secret_bytes_ = 0;
    std::unique_ptr<sasl_secret_t, release> secret_;
    std::array<sasl_callback_t, 6> callbacks_;
    sasl_conn_t* connection_ = nullptr;
};

class cyrus_exchange final : public sasl_exchange {
public:
    cyrus_exchange(const asio::any_io_executor& ex, const zk::sasl_options& o, const std::string& host)
        : ex_(ex),
          dialog_(std::make_shared<dialog>(o, host)),
          who_(o.mechanism == sasl_mechanism::gssapi ? fmt::format("GSSAPI with {}", o.server_name.empty() ? host : o.server_name)
                                                     : fmt::format("DIGEST-MD5 as '{}'", o.user)) {}

    void async_step(std::string challenge, step_handler h) override {
        run_on_worker(ex_, [d = dialog_, challenge = std::move(challenge), done = answered(std::move(h), ex_)]() mutable {
            auto a = d->step(challenge);
            d.reset();
            done.post(a.ec, std::move(a.token), a.complete, std::move(a.detail));
        });
    }

    std::string explanation(const error_code& why) const override { return fmt::format("{}: {}", who_, why.message()); }

private:
    using answered = completion<void(error_code, std::optional<std::string>, bool, std::string)>;

    const asio::any_io_executor ex_;
    const std::shared_ptr<dialog> dialog_;
    const std::string who_;
};

}    // namespace

bool has_sasl() noexcept { return true; }

std::unique_ptr<sasl_exchange> make_sasl_exchange(const asio::any_io_executor& ex, const zk::sasl_options& options,
                                                  const std::string& host) {
    return std::make_unique<cyrus_exchange>(ex, options, host);
}

}    // namespace muster::runtime
