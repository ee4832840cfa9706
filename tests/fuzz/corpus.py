#!/usr/bin/env python3
# Part of muster. Boost Software License 1.0, see LICENSE.
"""corpus.py expand FILE FOLDER: writes each input of a corpus to a file of its own, as libFuzzer wants them.
corpus.py collect FILE FOLDER: adds the files of a folder to a corpus; those that it has already are not added again.

A corpus has one input a line: bytes stand for themselves, but for `\\\\` and `\\xNN`. Lines that begin with `#` are comments; an
input that has been a crash stands behind one that tells what it was."""
import hashlib
import os
import re
import sys


def escape(data):
    out = "".join(chr(b) if 0x20 <= b < 0x7f and b != 0x5c else "\\\\" if b == 0x5c else "\\x%02x" % b for b in data)
    return "\\x23" + out[1:] if out.startswith("#") else out


def unescape(line):
    return re.sub(rb"\\(\\|x([0-9a-f]{2}))", lambda m: bytes.fromhex(m[2].decode()) if m[2] else b"\\", line)


def inputs(path):
    with open(path, "rb") as f:
        return [unescape(line) for line in f.read().split(b"\n") if line and not line.startswith(b"#")]


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("expand", "collect"):
        sys.exit(__doc__)
    _, command, path, folder = sys.argv
    known = inputs(path)
    if command == "expand":
        os.makedirs(folder, exist_ok=True)
        for data in known:
            with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as f:
                f.write(data)
        return
    seen = set(known)
    with open(path, "a") as out:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            if data and data not in seen:
                seen.add(data)
                out.write(escape(data) + "\n")


main()
