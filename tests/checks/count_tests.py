# Part of muster. Boost Software License 1.0, see LICENSE.
"""count_tests.py TESTLOG STATUS: prints "PASSED FAILED" for a run of `meson test`, whose exit status is STATUS.

Counts doctest's test cases. A program that gives no such count, or fails although none of its cases did (a crash, a time-out,
a leak found at the end), counts as one.
"""
import json
import re
import sys

CASES = re.compile(r"^\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", re.M)


def count(run):
    if run["result"] == "SKIP":
        return 0, 0
    found = CASES.search(run.get("stdout") or "")
    passed, failed = (int(found[1]), int(found[2])) if found else (0, 0)
    if run["result"] == "OK":
        return (passed, failed) if found else (1, 0)
    return passed, max(failed, 1)


def total(lines, status):
    counts = [count(json.loads(line)) for line in lines if line.strip()]
    passed, failed = sum(p for p, _ in counts), sum(f for _, f in counts)
    return passed, max(failed, 1) if status or not counts else failed


def main():
    try:
        with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
            print(*total(log, int(sys.argv[2])))
    except FileNotFoundError:
        print(0, 1)


if __name__ == "__main__":
    main()
