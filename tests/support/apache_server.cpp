// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/apache_server.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace muster::test {
namespace {

// The folder in which Debian and Ubuntu keep Java libraries; the jar's manifest names what it needs besides itself.
constexpr const char* zookeeper_jar = "/usr/share/java/zookeeper.jar";
constexpr const char* logging_jar = "/usr/share/java/slf4j-simple.jar";
constexpr const char* codec_jar = "/usr/share/java/netty-codec.jar";    // which the manifest forgets: for TLS

}    // namespace

std::string zookeeper_class_path() {
    if (const char* set = std::getenv("MUSTER_ZOOKEEPER_CLASSPATH"); set && *set) return set;
    if (!std::filesystem::exists(zookeeper_jar)) {
        throw std::runtime_error(std::string("no ZooKeeper at ") + zookeeper_jar +
                                 ": install Debian's package libzookeeper-java, or name the jars of another one in "
                                 "MUSTER_ZOOKEEPER_CLASSPATH");
    }
    return std::string(zookeeper_jar) + ":" + logging_jar + ":" + codec_jar;
}

apache_server::apache_server(zookeeper_options o) : local_server(std::move(o)) {
    std::filesystem::create_directory(folder() / "data");
    write_config();
}

void apache_server::write_config() const {
    const zookeeper_options& o = options();
    std::ofstream cfg(folder() / "zoo.cfg");
    cfg << "tickTime=" << o.tick.count() << "\ninitLimit=20\nsyncLimit=10\n"
        << "dataDir=" << (folder() / "data").string() << "\n"
        << "clientPort=" << o.port << "\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n"
        << "admin.enableServer=false\n4lw.commands.whitelist=*\n";
    if (o.min_session_timeout.count() > 0) cfg << "minSessionTimeout=" << o.min_session_timeout.count() << "\n";
    if (o.max_session_timeout.count() > 0) cfg << "maxSessionTimeout=" << o.max_session_timeout.count() << "\n";
    for (const std::string& line : o.config) cfg << line << "\n";
    if (o.id > 0) std::ofstream(folder() / "data" / "myid") << o.id << "\n";
}

std::vector<std::string> apache_server::command() const {
    std::vector<std::string> argv{"java",
                                  "-Xmx256m",
                                  "-XX:+UseSerialGC",
                                  "-XX:-UsePerfData",
                                  "-Dzookeeper.extendedTypesEnabled=true",
                                  "-Dzookeeper.forceSync=no",
                                  "-Dzookeeper.preAllocSize=64",
                                  "-Dznode.container.checkIntervalMs=500",
                                  "-Dorg.slf4j.simpleLogger.showDateTime=true",
                                  "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                                  "-Dorg.slf4j.simpleLogger.showShortLogName=true"};
    if (options().quick_start) argv.emplace_back("-XX:TieredStopAtLevel=1");
    argv.insert(argv.end(), options().jvm.begin(), options().jvm.end());
    argv.insert(argv.end(), {"-cp", zookeeper_class_path(), "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                             (folder() / "zoo.cfg").string()});
    return argv;
}

std::string apache_server::how_to_get_it() const { return "install Debian's package default-jre-headless"; }

}    // namespace muster::test
