#!/usr/bin/env python3
# Part of muster. Boost Software License 1.0, see LICENSE.
"""run.py ROOT JOBS [NAME...]: proves that the tests can fail. Puts one deliberate bug after the other into a copy of the tree, builds
the test that is said to catch it, and reports which test case did. Fails if a bug is not caught, or does not apply any more.

A mutant is a patch behind a title, a reason, and the name of its test: a unit test, or `sim` for the simulation, which then has
2000 seeds to find it. The seed that does must pass without the mutant. A test that does not end has caught it, too."""
import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import time

SEEDS = 2000
PORTION = 200    # of them; the rest is not run once one was caught
LIMIT = 60       # in seconds, of a unit test
SIM_LIMIT = 600  # of a portion


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
        self.jobs = jobs
        self.clean = {}    # programs without a mutant
        os.makedirs(self.source, exist_ok=True)
        copy_tree(root, self.source)

    def build(self, test):
        """The folder where it is built: as deep as the tree's own, so that a compiler cache knows its files."""
        kind = "release" if test == "sim" else "debug"
        folder = os.path.join(self.source, "build", kind)
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            options = {"release": ["--buildtype=release", "-Db_ndebug=true", "-Dtests=false", "-Dsimulation=true"],
                       "debug": ["--buildtype=plain", "-Doptimization=1"]}[kind]
            subprocess.run(["meson", "setup", *options, folder, self.source], check=True, stdout=subprocess.DEVNULL)
        return folder

    def patch(self, mutant, *options):
        return subprocess.run(["patch", "-p1", "--no-backup-if-mismatch", "-s", *options, "-i", mutant.path], cwd=self.source,
                              capture_output=True, text=True)

    def make(self, test):
        target = "tests/simulation/muster-sim" if test == "sim" else f"tests/unit/{test}"
        folder = self.build(test)
        built = subprocess.run(["ninja", "-C", folder, "-j", self.jobs, target], capture_output=True, text=True)
        return os.path.join(folder, target), built

    def run(self, test, program, *args):
        args = [program, *args]
        try:
            return subprocess.run(args, capture_output=True, text=True, errors="replace",
                                  timeout=SIM_LIMIT if test == "sim" else LIMIT)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(args, 124, "TEST CASE:  (did not end)\n", "")

    def prepare(self, test):
        """Builds the test without any mutant, and sees it pass. Gives what is wrong."""
        program, built = self.make(test)
        if built.returncode:
            return f"{test} does not build:\n{built.stdout[-4000:]}"
        self.clean[test] = os.path.join(self.source, f"clean-{test}")
        shutil.copy(program, self.clean[test])
        passed = self.run(test, program, *(["--seeds", "20"] if test == "sim" else []))
        return f"{test} fails without any mutant:\n{passed.stdout[-4000:]}" if passed.returncode else None

    def try_out(self, mutant):
        """Gives whether it was caught, and by what; or what went wrong."""
        dry = self.patch(mutant, "--dry-run")
        if dry.returncode:
            return False, "does not apply: " + dry.stdout.strip().replace("\n", "; ")
        self.patch(mutant)
        try:
            program, built = self.make(mutant.test)
            if built.returncode:
                return False, "does not build"
            if mutant.test == "sim":
                return self.simulate(program)
            run = self.run(mutant.test, program)
            case = re.search(r"TEST CASE:\s*(.*)", run.stdout)
            how = case[1].strip() if case else f"exit code {run.returncode}"
            return (True, how) if run.returncode else (False, "NOT CAUGHT")
        finally:
            self.patch(mutant, "-R")

    def simulate(self, program):
        for first in range(1, SEEDS + 1, PORTION):
            run = self.run("sim", program, "--first", str(first), "--seeds", str(PORTION), "--jobs", self.jobs)
            if run.returncode:
                break
        else:
            return False, "NOT CAUGHT"
        seeds = [int(s) for s in re.findall(r"^seed (\d+):", run.stdout, re.M)]
        if not seeds:
            return True, f"exit code {run.returncode}, seeds {first} to {first + PORTION - 1}"
        if self.run("sim", self.clean["sim"], "--seed", str(min(seeds))).returncode:
            return False, f"seed {min(seeds)} fails without it, too"
        # A job stops after some violations.
        ran = re.search(r"^(\d+) seeds, (\d+) violations", run.stdout, re.M)
        return True, f"seed {min(seeds)}; {ran[2]} of {ran[1]} seeds from {first} on"


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
        wrong = tree.prepare(test)
        if wrong:
            sys.exit(wrong)
    print(f"{'mutant':32} {'caught by':16} {'s':>5}  test case", flush=True)
    for m in mutants:
        begin = time.monotonic()
        ok, verdict = tree.try_out(m)
        caught += ok
        print(f"{m.name:32} {m.test:16} {time.monotonic() - begin:5.0f}  {verdict}", flush=True)
    print(f"{caught} of {len(mutants)} caught")
    tally = os.environ.get("TALLY")
    if tally:
        with open(tally, "a") as out:
            out.write(f"{caught} {len(mutants) - caught}\n")
    sys.exit(caught != len(mutants))


main()
