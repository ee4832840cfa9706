# Part of muster. Boost Software License 1.0, see LICENSE.
"""snippets.py ROOT JOBS COMPILER: the C++ code of README.md and docs/*.md compiles.

A block that includes something is a file of its own. Any other is a fragment: the body of a coroutine in which `ctx` (an
io_context), `zk` (a client), `registrar` and `balancer` are there, after everything of muster was included. In it, what it
defines may stay unused. A block that is not meant to compile is fenced as ```c++ or ```text.
"""
import os
import re
import sys

from report import compiles, finish, in_parallel, tracked

BLOCK = re.compile(r"^```cpp[ \t]*\n(.*?)^```", re.M | re.S)


def blocks(text):
    """(line, code) of each."""
    return [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in BLOCK.finditer(text)]


def source(name, line, code, headers):
    where = '#line %d "%s"\n' % (line, name)
    if re.search(r"^\s*#\s*include", code, re.M):
        return where + code
    includes = "".join("#include <%s>\n" % h for h in headers)
    return (includes + "#include <boost/asio.hpp>\n#include <chrono>\n#include <iostream>\n#include <string>\n#include <vector>\n"
            "namespace asio = boost::asio;\nusing namespace std::chrono_literals;\n"
            "asio::awaitable<void> fragment(asio::io_context& ctx, muster::zk::client& zk, muster::registrar& registrar,\n"
            "                               muster::balancer& balancer);\n"
            "asio::awaitable<void> fragment([[maybe_unused]] asio::io_context& ctx, [[maybe_unused]] muster::zk::client& zk,\n"
            "                               [[maybe_unused]] muster::registrar& registrar,\n"
            "                               [[maybe_unused]] muster::balancer& balancer) {\n" + where + code +
            "\nco_return;\n}\n")


def self_test(root, compiler, headers):
    """What is wrong with this check itself."""
    page = "text\n```cpp\nint x = 1;\n```\n```c++\nnot C++\n```\n```cpp\n#include <string>\nstd::string s = 1;\n```\n"
    found = blocks(page)
    if [line for line, _ in found] != [3, 9]:
        return ["the check itself: it finds %s" % found]
    whole = compiles(compiler, [], source("page", *found[1], headers), root)
    return [] if "page:10" in whole else ["the check itself: a wrong block got %r" % whole]


def main():
    root, jobs, compiler = sys.argv[1:4]
    headers = [f.removeprefix("include/") for f in tracked(root, "include/*.hpp")]
    items = []
    for name in tracked(root, "README.md", "docs/*.md"):
        with open(os.path.join(root, name), encoding="utf-8") as page:
            items += [(name, line, code) for line, code in blocks(page.read())]

    def check(item):
        name, line, code = item
        text = compiles(compiler, ["-Wno-unused", "-Wno-shadow"], source(name, line, code, headers), root)
        return text and "%s:%d\n%s" % (name, line, text)

    failures = [text for text in in_parallel(jobs, check, items) if text]
    wrong = self_test(root, compiler, headers)
    finish(len(items) + 1 - len(failures) - len(wrong), failures + wrong)


if __name__ == "__main__":
    main()
