# Part of muster. Boost Software License 1.0, see LICENSE.
"""mutants.py ROOT: every mutant of tests/mutants names its test, and applies to the code as it is, without fuzz: one that does not
proves nothing, and one that patch has to guess may put its bug elsewhere. `./dev mutants` shows that they are caught."""
import os
import re
import subprocess
import sys
import tempfile

from report import finish, tracked


def judge(root, path):
    """What is wrong with the mutant, or None."""
    with open(path, encoding="utf-8") as f:
        test = re.search(r"^Caught by: (\S+)$", f.read(), re.M)
    if not test:
        return "%s: names no test that catches it" % path
    if test[1] != "sim" and not os.path.isdir(os.path.join(root, "tests", "unit", test[1].removeprefix("unit-"))):
        return "%s: there is no test %s" % (path, test[1])
    dry = subprocess.run(["patch", "-p1", "--dry-run", "-s", "-F0", "-d", root, "-i", path], capture_output=True, text=True)
    return None if dry.returncode == 0 else "%s: does not apply: %s" % (path, dry.stdout.strip().replace("\n", "; "))


def self_test():
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "tests", "unit", "x"))
        with open(os.path.join(root, "a"), "w", encoding="utf-8") as f:
            f.write("right\n")

        def verdict(test, line):
            path = os.path.join(root, "p")
            with open(path, "w", encoding="utf-8") as f:
                f.write("A bug.\n%s\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-%s\n+bug\n" % (test, line))
            return judge(root, path)

        ok = verdict("Caught by: unit-x", "right") is None
        ok = ok and all([verdict("Caught by: unit-y", "right"), verdict("", "right"), verdict("Caught by: sim", "wrong")])
        return [] if ok else ["the check itself is wrong"]


def main():
    root = os.path.abspath(sys.argv[1])
    paths = [os.path.join(root, p) for p in tracked(root, "tests/mutants/*.patch")]
    failures = self_test() + [wrong for wrong in (judge(root, p) for p in paths) if wrong]
    finish(len(paths) - len(failures), failures)


if __name__ == "__main__":
    main()
