#!/usr/bin/env python3
# Part of muster. Boost Software License 1.0, see LICENSE.
"""run.py ROOT JOBS [NAME...]: proves that the tests can fail. Puts one deliberate bug after the other into a copy of the tree, builds
the test that is said to catch it, and reports which test case did. Fails if a bug is not caught, or does not apply any more.

A mutant is a patch behind a title, a reason, and the name of its test: a unit test, or `sim` for the simulation, which then has
2000 seeds to find it."""
import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import time

SEEDS = "2000"


def copy_tree(root, to):
    """The tracked files; those that did not change keep their time, so that little is built again."""
    files = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, files):
        source, target = os.path.join(root, name), os.path.join(to, name)
        if not os.path.isfile(source) or (os.path.isfile(target) and filecmp.cmp(source, target, shallow=False)):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)


class Mutant:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".patch")
        text = open(path).read()
        self.title = text.split("\n", 1)[0].rstrip(".")
        self.test = re.search(r"^Caught by: (\S+)$", text, re.M)[1]


class Tree:
    def __init__(self, root, jobs):
        self.source = os.path.join(root, "build", "mutants")
        self.build = os.path.join(self.source, "build", "debug")    # as deep as the tree's own: a compiler cache knows its files
        self.jobs = jobs
        os.makedirs(self.source, exist_ok=True)
        copy_tree(root, self.source)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            subprocess.run(["meson", "setup", "--buildtype=plain", "-Doptimization=1", self.build, self.source], check=True,
                           stdout=subprocess.DEVNULL)

    def patch(self, mutant, *options):
        return subprocess.run(["patch", "-p1", "--no-backup-if-mismatch", "-s", *options, "-i", mutant.path], cwd=self.source,
                              capture_output=True, text=True)

    def make(self, test):
        target = "tests/simulation/muster-sim" if test == "sim" else f"tests/unit/{test}"
        built = subprocess.run(["ninja", "-C", self.build, "-j", self.jobs, target], capture_output=True, text=True)
        return os.path.join(self.build, target), built

    def run(self, test, program):
        args = [program, "--seeds", SEEDS, "--jobs", self.jobs] if test == "sim" else [program]
        try:
            return subprocess.run(args, capture_output=True, text=True, timeout=900, errors="replace")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(args, 124, "TEST CASE:  (did not end)\n", "")


def who_caught(run):
    """The first test case that failed, or the seed."""
    case = re.search(r"TEST CASE:\s*(.*)", run.stdout)
    if case:
        return case[1].strip()
    seed = re.search(r"seed (\d+)", run.stdout + run.stderr)
    return f"seed {seed[1]}" if seed else f"exit code {run.returncode}"


def main():
    root, jobs, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    mutants = [Mutant(p) for p in sorted(glob.glob(os.path.join(root, "tests", "mutants", "*.patch")))]
    unknown = set(names) - {m.name for m in mutants}
    if unknown:
        sys.exit(f"no mutant is named {', '.join(sorted(unknown))}; there are: {', '.join(m.name for m in mutants)}")
    mutants = [m for m in mutants if not names or m.name in names]
    tree = Tree(root, jobs)
    caught = 0
    for test in sorted({m.test for m in mutants}):
        program, built = tree.make(test)
        if built.returncode:
            sys.exit(f"{test} does not build:\n{built.stdout[-4000:]}")
        if tree.run(test, program).returncode:
            sys.exit(f"{test} fails without any mutant")
    print(f"{'mutant':32} {'caught by':16} {'s':>5}  test case")
    for m in mutants:
        begin = time.monotonic()
        applied = tree.patch(m)
        if applied.returncode:
            verdict = "does not apply: " + applied.stdout.strip().replace("\n", "; ")
        else:
            try:
                program, built = tree.make(m.test)
                if built.returncode:
                    verdict = "does not build"
                else:
                    run = tree.run(m.test, program)
                    verdict = None if run.returncode else "NOT CAUGHT"
            finally:
                tree.patch(m, "-R")
        if verdict is None:
            caught += 1
            verdict = who_caught(run)
        print(f"{m.name:32} {m.test:16} {time.monotonic() - begin:5.0f}  {verdict}", flush=True)
    print(f"{caught} of {len(mutants)} caught")
    tally = os.environ.get("TALLY")
    if tally:
        with open(tally, "a") as out:
            out.write(f"{caught} {len(mutants) - caught}\n")
    sys.exit(caught != len(mutants))


main()
