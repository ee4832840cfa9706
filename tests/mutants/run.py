#!/usr/bin/env python3
# Part of muster. Boost Software License 1.0, see LICENSE.
"""run.py ROOT JOBS [NAME...]: proves that the tests can fail. Puts one deliberate bug after the other into a copy of the tree, builds
the test that is said to catch it, and reports which test case did. Fails if a bug is not caught, or does not apply any more.

A mutant is a patch behind a title, a reason, and the name of its test: a case of a unit test, which runs alone, or `sim` for the
simulation, which then has 2000 seeds to find it. The same case, or the seed that failed, must pass without the mutant. A test
that does not end has caught it, too, as has a simulation that fails at no seed, by what it lacks: then the same must pass, in
time, without the mutant."""
import filecmp
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

CAUGHT_BY = r'^Caught by: (\S+?)(?:, "(.+)")?$'    # checks/mutants.py sees that a unit test has a case
SEEDS = 2000
PORTION = 200    # of them; the rest is not run once one was caught
LIMIT = 60       # in seconds, of a unit test
SIM_LIMIT = 600  # of a portion


def copy_tree(root, to):
    """The tracked files; those that did not change keep their time, so that little is built again. Those that are gone go here,
    too, but what is in folders of builds, which git ignores, stays."""
    files = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    files = {name for name in files if os.path.isfile(os.path.join(root, name))}
    for folder, folders, names in os.walk(to):
        if folder == to:
            folders[:] = [f for f in folders if not f.startswith("build")]
        for path in (os.path.join(folder, name) for name in names):
            if os.path.relpath(path, to) not in files:
                os.remove(path)
    for name in files:
        source, target = os.path.join(root, name), os.path.join(to, name)
        if os.path.isfile(target) and filecmp.cmp(source, target, shallow=False):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)


class Mutant:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".patch")
        text = open(path).read()
        self.title = text.split("\n", 1)[0].rstrip(".")
        self.test, self.case = re.search(CAUGHT_BY, text, re.M).groups()


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
        # Without fuzz: where patch has to guess, it may put the bug elsewhere.
        return subprocess.run(["patch", "-p1", "-F0", "--no-backup-if-mismatch", "-s", *options, "-i", mutant.path],
                              cwd=self.source, capture_output=True, text=True)

    def make(self, test):
        target = "tests/simulation/muster-sim" if test == "sim" else f"tests/unit/{test}"
        folder = self.build(test)
        built = subprocess.run(["ninja", "-C", folder, "-j", self.jobs, target], capture_output=True, text=True)
        return os.path.join(folder, target), built

    def run(self, test, program, *args):
        """What came of it; its exit code is None if it did not end. What it has started does not outlive it."""
        args = [program, *args]
        limit = SIM_LIMIT if test == "sim" else LIMIT
        with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=limit)
            except BaseException as e:    # the terminal's Ctrl-C does not reach another session
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(e, subprocess.TimeoutExpired):
                    return subprocess.CompletedProcess(args, None, *process.communicate())
                raise
        if test == "sim" and process.returncode == 2:
            sys.exit(f"{' '.join(args)}: wrong usage:\n{err}")
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def seeds(self, first, number):
        return ["--first", str(first), "--seeds", str(number), "--jobs", self.jobs]

    def prepare(self, test):
        """Builds the test without any mutant, and sees it pass. Gives what is wrong."""
        program, built = self.make(test)
        if built.returncode:
            return f"{test} does not build:\n{(built.stdout + built.stderr)[-4000:]}"
        self.clean[test] = os.path.join(self.source, "build", f"clean-{test}")
        shutil.copy(program, self.clean[test])
        passed = self.run(test, program, *(self.seeds(1, 20) if test == "sim" else []))
        return f"{test} fails without any mutant:\n{passed.stdout[-4000:]}" if passed.returncode != 0 else None

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
            return self.unit_test(mutant, program)
        finally:
            self.patch(mutant, "-R")

    def unit_test(self, mutant, program):
        # A filter of doctest's: cases stand between commas.
        only = "--test-case=" + mutant.case.replace("\\", "\\\\").replace(",", "\\,")
        run = self.run(mutant.test, program, only)
        if run.returncode == 0:
            return False, "NOT CAUGHT by " + mutant.case
        how = mutant.case
        if run.returncode != 1:
            how = ("did not end: " if run.returncode is None else f"exit code {run.returncode}: ") + how
        return self.unless_clean_fails(how, mutant.test, only)

    def simulate(self, program):
        for first in range(1, SEEDS + 1, PORTION):
            run = self.run("sim", program, *self.seeds(first, PORTION))
            if run.returncode != 0:
                break
        else:
            return False, "NOT CAUGHT"
        seeds = [int(s) for s in re.findall(r"^seed (\d+):", run.stdout, re.M)]
        if not seeds:
            how = "did not end" if run.returncode is None else f"exit code {run.returncode}"
            return self.unless_clean_fails(f"{how}, seeds {first} to {first + PORTION - 1}", "sim", *self.seeds(first, PORTION))
        how = f"seed {min(seeds)}"
        # A job stops after some violations.
        ran = re.search(r"^(\d+) seeds, (\d+) violations", run.stdout, re.M)
        if ran:
            how += f"; {ran[2]} of {ran[1]} seeds from {first} on"
        return self.unless_clean_fails(how, "sim", "--seed", str(min(seeds)))

    def unless_clean_fails(self, how, test, *args):
        """The mutant was caught, unless the same run fails without it, or takes too long."""
        if self.run(test, self.clean[test], *args).returncode == 0:
            return True, how
        return False, f"{how}; fails without it, too: {' '.join([test, *args])}"


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
