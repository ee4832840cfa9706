// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Four letter words: what operators ask instead of a connect request.
#include "embedded/ensemble_impl.hpp"
#include "embedded/server_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace muster::embedded {
namespace {

constexpr std::string_view version = "3.8.0-muster, built on 2022-02-25 08:49 UTC";

// The words of Apache's server, served or not. The last is what telnet sends when it closes.
constexpr std::string_view known_words[] = {"conf",
                                            "cons",
                                            "crst",
                                            "dirs",
                                            "dump",
                                            "envi",
                                            "gtmk",
                                            "ruok",
                                            "stmk",
                                            "srst",
                                            "srvr",
                                            "stat",
                                            "wchc",
                                            "wchp",
                                            "wchs",
                                            "mntr",
                                            "isro",
                                            "hash",
                                            "\xff\xf4\xff\xfd"};

}    // namespace

bool server::impl::take_word(connection& c) {
    constexpr std::size_t length = 4;
    const std::string_view unread = c.in.unread();
    if (unread.size() < length) return false;
    const std::string_view word = unread.substr(0, length);
    if (std::find(std::begin(known_words), std::end(known_words), word) == std::end(known_words)) return false;
    ++packets_received_;
    c.out += answer_to(word);
    touch_output(c);
    close(c);
    return true;
}

std::string server::impl::answer_to(std::string_view word) const {
    if (word == "ruok") return "imok";
    if (word == "isro") return service_ == service::read_only ? "ro" : "rw";
    const char* mode = service_ == service::read_only              ? "read-only"
                       : ensemble_.servers.size() == 1             ? "standalone"
                       : ensemble_.leader == std::optional(index_) ? "leader"
                                                                   : "follower";
    // Apache's server counts the root twice.
    const std::size_t znodes = tree_.size() + 1;
    if (word == "srvr") {
        return fmt::format(
            "Zookeeper version: {}\n{}Latency min/avg/max: 0/0.0/0\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n"
            "Zxid: 0x{:x}\nMode: {}\nNode count: {}\n",
            version, service_ == service::read_only ? "READ-ONLY mode; serving only read-only clients\n" : "", packets_received_,
            packets_sent_, connections(), waits_.size(), tree_.last_zxid(), mode, znodes);
    }
    if (word == "mntr") {
        return fmt::format(
            "zk_version\t{}\nzk_server_state\t{}\nzk_ephemerals_count\t{}\nzk_num_alive_connections\t{}\nzk_avg_latency\t0.0\n"
            "zk_outstanding_requests\t{}\nzk_znode_count\t{}\nzk_global_sessions\t{}\nzk_packets_sent\t{}\nzk_packets_received\t{"
            "}\n"
            "zk_watch_count\t{}\nzk_min_latency\t0\nzk_max_latency\t0\nzk_approximate_data_size\t{}\nzk_local_sessions\t{}\n",
            version, mode, tree_.ephemeral_count(), connections(), waits_.size(), znodes, ensemble_.open_sessions.size(),
            packets_sent_, packets_received_, watches_.size(), tree_.data_size(), local_sessions_.size());
    }
    return fmt::format("{} is not executed because it is not in the whitelist.\n",
                       word == known_words[18] ? "telnet close" : word);
}

}    // namespace muster::embedded
