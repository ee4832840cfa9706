# Part of muster. Boost Software License 1.0, see LICENSE.
"""rules.py ROOT: every rule of docs/rules.md has tests that bear its number, in the programs that the page names, or says why it has
none; and no test bears a number that the page does not know."""
import os
import re
import sys

from report import finish, tracked

ROW = re.compile(r"^\| R(\d+) \|.*\| ([^|]*) \|$", re.M)
CASE = re.compile(r'TEST_CASE\("((?:R\d+(?:, )?)+):')


def numbers_in(text):
    """The rules that the tests of a source file prove."""
    return {int(n) for names in CASE.findall(text) for n in re.findall(r"\d+", names)}


def sources_of(root, program, meson):
    kind, name = program.split("-", 1)
    if kind == "unit":
        return tracked(root, "tests/unit/%s/*.cpp" % name)
    files = re.search(r"^  '%s': files\((.*)\)" % re.escape(name), meson, re.M)
    return ["tests/integration/" + f for f in re.findall(r"'([^']+)'", files[1])] if files else []


def judge(page, proved):
    """What is wrong, one text each. `proved(program)` gives the rules that its tests bear."""
    failures = []
    for rule, by in ROW.findall(page):
        programs = re.findall(r"\b(?:unit|integration)-[\w-]+", by)
        if not programs and not by.startswith("no test: "):
            failures.append("docs/rules.md: R%s names neither a test nor a reason" % rule)
        failures += ["docs/rules.md: no test of %s bears R%s" % (p, rule) for p in programs if int(rule) not in proved(p)]
    return failures


def self_test():
    page = "| R1 | a | unit-x |\n| R2 | b | no test: c |\n| R3 | d | later |\n"
    wrong = judge(page, lambda program: set())
    right = judge(page.split("| R3")[0], lambda program: {1})
    tests = numbers_in('TEST_CASE("R1, R22: a") {\nTEST_CASE("R3 is no number") {\n')
    return [] if len(wrong) == 2 and not right and tests == {1, 22} else ["the check itself: %s %s %s" % (wrong, right, tests)]


def main():
    root = sys.argv[1]

    def text(name):
        with open(os.path.join(root, name), encoding="utf-8") as f:
            return f.read()

    page = text("docs/rules.md")
    meson = text("tests/integration/meson.build")
    failures = self_test()
    failures += judge(page, lambda p: set().union(*(numbers_in(text(f)) for f in sources_of(root, p, meson))))
    known = {int(rule) for rule, _ in ROW.findall(page)}
    for name in tracked(root, "tests/*.cpp"):
        failures += ["%s: docs/rules.md knows no R%d" % (name, n) for n in sorted(numbers_in(text(name)) - known)]
    finish(max(len(known) - len(failures), 0), failures)


if __name__ == "__main__":
    main()
