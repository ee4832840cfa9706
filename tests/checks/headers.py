# Part of muster. Boost Software License 1.0, see LICENSE.
"""headers.py ROOT JOBS COMPILER...: every public header compiles alone, and twice, without a warning."""
import sys

from report import compiles, finish, in_parallel, tracked

root, jobs, *compilers = sys.argv[1:]
headers = [f.removeprefix("include/") for f in tracked(root, "include/*.hpp")]
items = [(c, h) for h in headers for c in compilers]


def check(item):
    compiler, header = item
    # main is defined because a program must link, whatever it includes; the header is not the main file, as #pragma once asks.
    source = "#include <%s>\n#include <%s>\nint main() {}\n" % (header, header)
    text = compiles(compiler, [], source, root)
    return text and "%s with %s\n%s" % (header, compiler, text)


failures = [text for text in in_parallel(jobs, check, items) if text]
finish(len(items) - len(failures), failures)
