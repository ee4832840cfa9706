# Part of muster. Boost Software License 1.0, see LICENSE.
"""include_rule.py ROOT: each floor of the house includes only floors below it, and nothing but src/runtime touches clock,
timers and chance. docs/architecture.md tells why. The rules are tried on bad examples first."""
import os
import re
import sys

from report import finish, tracked

VOCABULARY = ("muster/zk/types.hpp", "muster/zk/error.hpp", "muster/zk/connect_string.hpp", "muster/zk/session_info.hpp",
              "muster/zk/latency_histogram.hpp", "muster/zk/log.hpp", "muster/result.hpp")
PICKING = ("muster/balancer.hpp", "muster/picker.hpp", "muster/policy.hpp", "muster/custom_policy.hpp", "muster/filter.hpp",
           "muster/lease.hpp", "muster/health.hpp", "muster/service_description.hpp")

# What the files of a folder may include of the tree, besides the folder itself: files, or folders that end with "/".
PROTO = VOCABULARY
RUNTIME = PROTO + ("proto_zk/", "muster/zk/tls.hpp", "muster/zk/sasl.hpp")
ZK = RUNTIME + ("runtime/", "muster/zk/", "muster/detail/")
REGISTRY = ZK + ("zk/", "muster/error.hpp", "muster/instance.hpp", "muster/registrar.hpp")
BALANCE = ZK + ("zk/", "registry/", "muster/error.hpp", "muster/instance.hpp") + PICKING
FLOORS = {
    "include/muster/zk/": ("muster/zk/", "muster/detail/", "muster/result.hpp"),
    "include/muster/": ("muster/",),
    "proto_zk/": PROTO,
    "src/runtime/": RUNTIME,
    "src/zk/": ZK,
    "src/registry/": REGISTRY,
    "src/balance/": BALANCE,
    # The embedded server is a state machine; only its front end does I/O.
    "src/embedded/": RUNTIME,
    "src/embedded/embedded_server": RUNTIME + ("embedded/", "runtime/", "muster/"),
    "src/cli/": ("",),
}

# Of src/balance these know where instances come from, and who waits for them; all other files are policies and what they count
# with.
GLUE = ("balancer", "picker", "change", "membership", "service", "hold_back", "drain_waiters")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
WORLD = re.compile(r"clock::now\b|\brandom_device\b|\bs?rand\s*\(|\b(steady|system|high_resolution|deadline)_timer\b|"
                   r"\bsleep_(for|until)\b|\bgettimeofday\b|\bclock_gettime\b|\btime\s*\(\s*(nullptr|NULL|0|&)")
# SHA-1 and base64, for access by digest.
CRYPTO = ("src/embedded/digest.cpp", "openssl/evp.h")
# What the floors without I/O may include of others: the standard library, Boost, fmt, and the GNU C library's flag that tells
# whether there is more than one thread.
HARMLESS = r"[a-z_]+|(boost|fmt)/.*|sys/single_threaded\.h"


class Tree:
    """The sources by path."""

    def __init__(self, files):
        self.files = {path: COMMENT.sub("", text) for path, text in files.items()}
        self.includes = {path: INCLUDE.findall(text) for path, text in self.files.items()}

    def resolve(self, path, name):
        """The file of the tree that `#include` of `name` in `path` means, or None."""
        for folder in (os.path.dirname(path) + "/", "include/", "src/", ""):
            found = os.path.normpath(folder + name)
            if found in self.files:
                return found
        return None

    def way_to(self, path, test, seen=None):
        """The chain of files from `path` to an include that passes `test`, through the tree; None if there is none."""
        seen = seen if seen is not None else set()
        seen.add(path)
        for _, name in self.includes[path]:
            if test(name):
                return [path, name]
            below = self.resolve(path, name)
            if below and below not in seen:
                way = self.way_to(below, test, seen)
                if way:
                    return [path] + way
        return None


def floor_of(path):
    return next((f for f in sorted(FLOORS, key=len, reverse=True) if path.startswith(f)), None)


def canonical(path):
    """As it is written in an #include."""
    return path.removeprefix("include/").removeprefix("src/")


def is_policy(path):
    return path.startswith("src/balance/") and not os.path.basename(path).startswith(GLUE)


def complaints_about(tree, path):
    floor = floor_of(path)
    own = canonical(floor)
    for quote, name in tree.includes[path]:
        target = tree.resolve(path, name)
        if target:
            inside = canonical(target)
            if inside != name:
                yield '"%s" is to be written relative to the tree: "%s"' % (name, inside)
            if quote != ("<" if target.startswith("include/") else '"'):
                yield "%s: public headers go in <>, others in quotes" % name
            allowed = FLOORS[floor] + (() if own == "muster/" else (own,))
            if not any(inside == a or (a.endswith("/") or not a) and inside.startswith(a) for a in allowed):
                yield "%s is not below this floor" % inside
            if floor.startswith("include/") and not target.startswith("include/"):
                yield "a public header shows %s" % inside
            if floor == "src/balance/" and inside.startswith(("registry/registrar", "registry/registration")):
                yield "the balancer knows the registrar: %s" % inside
        elif quote == '"' or name.startswith("muster/"):
            yield "%s is not in the tree" % name
        elif floor.startswith("include/") and (name.startswith("fmt/") or not re.fullmatch(HARMLESS, name)):
            yield "a public header includes <%s>; only muster, boost and the standard library are allowed" % name
        elif floor not in ("src/runtime/", "src/cli/") and not re.fullmatch(HARMLESS, name) and (path, name) != CRYPTO:
            yield "<%s>: only src/runtime and src/cli touch the system" % name

    def way(test):
        found = tree.way_to(path, test)
        return found and " > ".join(found[1:])

    if floor in ("proto_zk/", "src/embedded/") or is_policy(path):
        asio = way(lambda name: name.startswith("boost/asio"))
        if asio:
            yield "knows Asio: " + asio
    if is_policy(path):
        zookeeper = way(lambda name: name.startswith(("proto_zk/", "zk/", "runtime/", "registry/", "muster/zk/"))
                        and name not in ("muster/zk/error.hpp",))
        if zookeeper:
            yield "a policy knows ZooKeeper: " + zookeeper
    if floor == "src/registry/" or canonical(path) == "muster/registrar.hpp":
        balancer = way(lambda name: name.startswith("balance/") or name in PICKING)
        if balancer:
            yield "the registrar knows the balancer: " + balancer
    if canonical(path) in PICKING and way(lambda name: name == "muster/registrar.hpp"):
        yield "the balancer knows the registrar"
    if not path.startswith("src/runtime/"):
        for found in WORLD.finditer(tree.files[path]):
            yield "line about %d: %s belongs into src/runtime; take it as an argument or from the world" % (
                tree.files[path].count("\n", 0, found.start()) + 1, found[0])


def complaints(files):
    tree = Tree(files)
    return {path: found for path in sorted(files) if floor_of(path) for found in [list(complaints_about(tree, path))] if found}


# A tree in which all is well, and files that spoil it, each with a word of the complaint that it must get.
GOOD = {
    "include/muster/result.hpp": "#include <boost/system/result.hpp>\n#include <string>",
    "include/muster/error.hpp": "#include <muster/zk/error.hpp>",
    "include/muster/zk/error.hpp": "#include <boost/system/error_code.hpp>",
    "include/muster/zk/types.hpp": "#include <chrono>",
    "include/muster/zk/client.hpp": "#include <muster/zk/types.hpp>\n#include <boost/asio/deferred.hpp>",
    "include/muster/policy.hpp": "#include <muster/result.hpp>",
    "include/muster/balancer.hpp": "#include <muster/policy.hpp>\n#include <muster/zk/client.hpp>",
    "include/muster/registrar.hpp": "#include <muster/zk/client.hpp>",
    "proto_zk/jute.hpp": "#include <muster/zk/types.hpp>\n// not #include <boost/asio.hpp>, nor steady_clock::now()",
    "src/runtime/world.hpp": "#include <boost/asio/ip/tcp.hpp>\n#include <sys/random.h>\nauto t = steady_clock::now();",
    "src/zk/session.hpp": '#include "proto_zk/jute.hpp"\n#include "runtime/world.hpp"',
    "src/registry/view.hpp": '#include "zk/session.hpp"\n#include <muster/error.hpp>',
    "src/registry/registrar.cpp": "#include <muster/registrar.hpp>",
    "src/balance/rotation.cpp": "#include <muster/policy.hpp>\n#include <muster/error.hpp>\n#include <fmt/format.h>",
    "src/balance/balancer.cpp": '#include "registry/view.hpp"\n#include <muster/balancer.hpp>\n#include "balance/rotation.cpp"',
    "src/embedded/tree.cpp": '#include "proto_zk/jute.hpp"\n#include <boost/endian/conversion.hpp>',
    "src/embedded/digest.cpp": "#include <openssl/evp.h>",
    "src/embedded/embedded_server.cpp": '#include "runtime/world.hpp"\n#include "embedded/digest.cpp"\n#include <boost/asio.hpp>',
    "src/cli/main.cpp": "#include <muster/balancer.hpp>\n#include <CLI/CLI.hpp>\n#include <unistd.h>",
}
BAD = [
    ("include/muster/a.hpp", '#include "zk/session.hpp"', "public header shows"),
    ("include/muster/a.hpp", "#include <fmt/format.h>", "only muster, boost"),
    ("include/muster/zk/a.hpp", "#include <muster/balancer.hpp>", "not below"),
    ("include/muster/a.hpp", "#include <muster/zk/gone.hpp>", "not in the tree"),
    ("include/muster/lease.hpp", "#include <muster/registrar.hpp>", "knows the registrar"),
    ("include/muster/registrar.hpp", "#include <muster/balancer.hpp>", "knows the balancer"),
    ("proto_zk/a.cpp", "#include <boost/asio/buffer.hpp>", "knows Asio"),
    ("proto_zk/a.cpp", "#include <muster/zk/client.hpp>", "not below"),
    ("proto_zk/a.cpp", '#include "runtime/world.hpp"', "not below"),
    ("proto_zk/a.cpp", "#include <sys/socket.h>", "touch the system"),
    ("src/runtime/a.cpp", '#include "zk/session.hpp"', "not below"),
    ("src/zk/a.cpp", '#include "registry/view.hpp"', "not below"),
    ("src/zk/a.cpp", '#include "session.hpp"', "relative to the tree"),
    ("src/zk/a.cpp", '#include "muster/zk/types.hpp"', "in <>"),
    ("src/zk/a.cpp", "auto t = clock::now();", "src/runtime"),
    ("src/registry/a.cpp", "#include <muster/policy.hpp>", "knows the balancer"),
    ("src/registry/a.cpp", '#include "balance/rotation.cpp"', "not below"),
    ("src/registry/a.cpp", "asio::steady_timer t;", "src/runtime"),
    ("src/balance/balancer_a.cpp", '#include "registry/registrar.cpp"', "knows the registrar"),
    ("src/balance/balancer_a.cpp", "#include <muster/registrar.hpp>", "not below"),
    ("src/balance/hash.cpp", '#include "registry/view.hpp"', "policy knows ZooKeeper"),
    ("src/balance/hash.cpp", "#include <muster/balancer.hpp>", "knows Asio"),
    ("src/balance/hash.cpp", "std::random_device d;", "src/runtime"),
    ("src/embedded/a.cpp", "#include <boost/asio/buffer.hpp>", "knows Asio"),
    ("src/embedded/a.cpp", '#include "runtime/world.hpp"', "not below"),
    ("src/embedded/a.cpp", "#include <openssl/evp.h>", "touch the system"),
    ("src/embedded/a.cpp", "auto t = steady_clock::now();", "src/runtime"),
    ("src/embedded/embedded_server_a.cpp", "auto t = steady_clock::now();", "src/runtime"),
    ("src/cli/a.cpp", "auto x = rand();", "src/runtime"),
]


def self_test():
    wrong = ["a tree in which all is well: %s" % complaints(GOOD)] if complaints(GOOD) else []
    for path, text, word in BAD:
        found = complaints(GOOD | {path: text}).get(path, [])
        if not any(word in c for c in found):
            wrong.append("%s with %r should be told %r, and is told %s" % (path, text, word, found))
    return wrong


def main():
    root = sys.argv[1]
    wrong = self_test()
    if wrong:
        finish(0, ["the rule itself: " + w for w in wrong])
    files = {}
    for path in tracked(root, "*.hpp", "*.cpp"):
        with open(os.path.join(root, path), encoding="utf-8") as source:
            files[path] = source.read()
    found = complaints(files)
    finish(sum(1 for path in files if floor_of(path)) - len(found),
           ["%s\n  %s" % (path, "\n  ".join(all_of_it)) for path, all_of_it in found.items()])


if __name__ == "__main__":
    main()
