# Part of muster. Boost Software License 1.0, see LICENSE.
"""What the checks share: they count, say what failed, and leave the counts where ./dev looks for them."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

STRICT = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wold-style-cast",
          "-Wnon-virtual-dtor", "-Woverloaded-virtual", "-Werror", "-DBOOST_ASIO_NO_DEPRECATED",
          "-DBOOST_ASIO_NO_TS_EXECUTORS"]


def tracked(root, *patterns):
    """The files of the tree that git knows or would add, relative to it, sorted."""
    out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "--", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return sorted({f for f in out.splitlines() if os.path.exists(os.path.join(root, f))})


def compiles(compiler, flags, source, root):
    """The compiler's complaints about a source text; empty if there are none."""
    command = [*compiler.split(), "-x", "c++", "-fsyntax-only", "-I", os.path.join(root, "include"), *STRICT, *flags, "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr or "exit code %d" % done.returncode


def in_parallel(jobs, function, items):
    with ThreadPoolExecutor(max(1, int(jobs))) as pool:
        return list(pool.map(function, items))


def finish(passed, failures):
    """`failures`: one text each."""
    for text in failures:
        print("FAILED", text.rstrip(), flush=True)
    print("%d of %d right" % (passed, passed + len(failures)), flush=True)
    tally = os.environ.get("TALLY")
    if tally:
        with open(tally, "a", encoding="utf-8") as out:
            print(passed, len(failures), file=out)
    sys.exit(1 if failures else 0)
