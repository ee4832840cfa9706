# Part of muster. Boost Software License 1.0, see LICENSE.
"""format.py ROOT CLANG_FORMAT: every C++ file is laid out as .clang-format says."""
import os
import subprocess
import sys

from report import finish, tracked

root, clang_format = sys.argv[1:3]
files = tracked(root, "*.cpp", "*.hpp")
failures = []
for name in files:
    done = subprocess.run([clang_format, "--dry-run", "-Werror", "--ferror-limit=3", os.path.join(root, name)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        failures.append(name + "\n" + done.stderr)
finish(len(files) - len(failures), failures)
