# Part of muster. Boost Software License 1.0, see LICENSE.
"""mutants.py ROOT: every mutant of tests/mutants names the test case that catches it, and applies to the code as it is, without fuzz: one that does not
proves nothing, and one that patch has to guess may put its bug elsewhere. `./dev mutants` shows that they are caught."""
import glob
import os
import re
import subprocess
import sys
import tempfile

from report import finish, tracked


def cases(folder):
    """The names of the test cases there."""
    found = set()
    for path in glob.glob(os.path.join(folder, "**", "*.cpp"), recursive=True):
        with open(path, encoding="utf-8") as f:
            text = re.sub(r'"\s*\n\s*"', "", f.read())    # a name in two lines
        found.update(re.findall(r'\bTEST_CASE\w*\([^"()]*"([^"]+)"', text))
    return found


def judge(root, path):
    """What is wrong with the mutant, or None."""
    with open(path, encoding="utf-8") as f:
        named = re.search(r'^Caught by: (?:(sim)|unit-(\w+), "(.+)")$', f.read(), re.M)
    if not named:
        return '%s: names no test case that catches it: expected "Caught by: sim", or a case as in: unit-zk, "CASE"' % path
    if not named[1] and named[3] not in cases(os.path.join(root, "tests", "unit", named[2])):
        return '%s: there is no test case "%s" in unit-%s' % (path, named[3], named[2])
    dry = subprocess.run(["patch", "-p1", "--dry-run", "-s", "-F0", "-d", root, "-i", path], capture_output=True, text=True)
    return None if dry.returncode == 0 else "%s: does not apply: %s" % (path, dry.stdout.strip().replace("\n", "; "))


def self_test():
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "tests", "unit", "x"))
        for name, text in (("a", "right\n"), ("tests/unit/x/x_test.cpp", 'TEST_CASE("one,"\n          " two") {}\n')):
            with open(os.path.join(root, name), "w", encoding="utf-8") as f:
                f.write(text)

        def verdict(test, line):
            path = os.path.join(root, "p")
            with open(path, "w", encoding="utf-8") as f:
                f.write("A bug.\n%s\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-%s\n+bug\n" % (test, line))
            return judge(root, path)

        right = 'Caught by: unit-x, "one, two"'
        wrong = ['Caught by: unit-x, "two"', 'Caught by: unit-y, "one, two"', "Caught by: unit-x", ""]
        ok = verdict(right, "right") is None and verdict("Caught by: sim", "right") is None and verdict(right, "wrong")
        ok = ok and all(verdict(w, "right") for w in wrong)
        return [] if ok else ["the check itself is wrong"]


def main():
    root = os.path.abspath(sys.argv[1])
    paths = [os.path.join(root, p) for p in tracked(root, "tests/mutants/*.patch")]
    failures = self_test() + [wrong for wrong in (judge(root, p) for p in paths) if wrong]
    finish(len(paths) - len(failures), failures)


if __name__ == "__main__":
    main()
