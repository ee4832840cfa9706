// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/kerberos.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace muster::test {
namespace {

constexpr std::chrono::seconds limit{20};

void write(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

}    // namespace

kerberos_realm::kerberos_realm() {
    const std::string kdc = "127.0.0.1:" + std::to_string(port_);
    write(config_file(),
          "[libdefaults]\n"
          "default_realm = MUSTER.TEST\n"
          "dns_lookup_kdc = false\n"
          "dns_lookup_realm = false\n"
          "dns_canonicalize_hostname = false\n"
          "rdns = false\n"
          "udp_preference_limit = 1\n"
          "[realms]\n"
          "MUSTER.TEST = {\n"
          "kdc = " +
              kdc +
              "\n"
              "}\n"
              "[logging]\n"
              "kdc = FILE:/dev/stdout\n");
    write(file("kdc.conf"),
          "[kdcdefaults]\n"
          "kdc_listen = " +
              kdc +
              "\n"
              "kdc_tcp_listen = " +
              kdc +
              "\n"
              "[realms]\n"
              "MUSTER.TEST = {\n"
              "database_name = " +
              file("principal") +
              "\n"
              "key_stash_file = " +
              file("stash") +
              "\n"
              "acl_file = " +
              file("acl") +
              "\n"
              "}\n");
    run({"kdb5_util", "create", "-s", "-r", "MUSTER.TEST", "-P", "master key of a test"});
}

void kerberos_realm::start() {
    kdc_.emplace(command({"krb5kdc", "-n"}));
    kdc_->wait_line("commencing operation", limit);
}

std::string kerberos_realm::add(const std::string& principal) {
    std::string keys = principal + ".keytab";
    std::replace(keys.begin(), keys.end(), '/', '-');
    keys = file(keys);
    run({"kadmin.local", "-q", "addprinc -randkey " + principal});
    run({"kadmin.local", "-q", "ktadd -k " + keys + " " + principal});
    return keys;
}

// Debian keeps them where only the superuser's PATH leads.
std::vector<std::string> kerberos_realm::command(std::vector<std::string> argv) const {
    const char* path = std::getenv("PATH");
    std::vector<std::string> out{"env", std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin",
                                 "KRB5_CONFIG=" + config_file(), "KRB5_KDC_PROFILE=" + file("kdc.conf")};
    out.insert(out.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
    return out;
}

void kerberos_realm::run(std::vector<std::string> argv) const {
    const std::string name = argv.front();
    process p(command(std::move(argv)));
    p.close_input();
    const int code = p.wait(limit);
    if (code == 127) throw std::runtime_error(name + " is not there: install Debian's packages krb5-kdc and krb5-admin-server");
    if (code != 0) throw std::runtime_error(name + " failed: " + p.err());
}

}    // namespace muster::test
