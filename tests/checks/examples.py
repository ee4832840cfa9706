# Part of muster. Boost Software License 1.0, see LICENSE.
"""examples.py ROOT BUILD: every program of examples/ does what examples/run.json says, on a ZooKeeper started for them.

run.json is a list of runs, in order:
  {"run": ["balance", "{zk}"],              the example and its arguments; {zk} is the connect string, {port} a free port
   "with": [["register", "{zk}"]],          optional: examples that run beside it, all of them registered before it starts
   "expect": ["picked 127\\.0\\.0\\.1"],    regular expressions that lines of its output match, in this order
   "stop": "SIGTERM"}                       optional: the signal it gets after that; without, it ends by itself
Each must end with exit code 0 within 20 seconds.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

from report import finish, tracked

LIMIT = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(command):
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        # Ends what hangs, so that no read below waits forever.
        timer = threading.Timer(LIMIT, p.kill)
        timer.start()
        try:
            yield p
        finally:
            timer.cancel()
            p.kill()


def complaint(build, zk, run):
    """What went wrong, or None."""
    def command(words):
        filled = [w.replace("{zk}", zk).replace("{port}", str(free_port())) for w in words]
        return [os.path.join(build, "examples", filled[0]), *filled[1:]]

    with contextlib.ExitStack() as stack:
        for words in run.get("with", []):
            beside = stack.enter_context(running(command(words)))
            if not any(line.startswith("registered") for line in beside.stdout):
                return "%s, which runs beside it, was not registered" % words[0]
        p = stack.enter_context(running(command(run["run"])))
        said = []
        for wanted in run["expect"]:
            for line in p.stdout:
                said.append(line)
                if re.search(wanted, line):
                    break
            else:
                return "no line matches %r in what it said:\n%s" % (wanted, "".join(said))
        if "stop" in run:
            p.send_signal(getattr(signal, run["stop"]))
        said += p.stdout.readlines()
        code = p.wait()
        return None if code == 0 else "ended with %d; it said:\n%s" % (code, "".join(said))


def main():
    root, build = sys.argv[1:3]
    names = [os.path.basename(f).removesuffix(".cpp") for f in tracked(root, "examples/*.cpp")]
    table = os.path.join(root, "examples", "run.json")
    runs = []
    if os.path.exists(table):
        with open(table, encoding="utf-8") as text:
            runs = json.load(text)
    failures = ["%s: examples/run.json has no run of it" % n for n in names if n not in [r["run"][0] for r in runs]]
    passed = 0
    if runs:
        server = [os.path.join(build, "tests", "support", "run-zookeeper")]
        with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zookeeper:
            zk = zookeeper.stdout.readline().strip()
            for run in runs:
                wrong = complaint(build, zk, run)
                print("%-6s %s" % ("FAILED" if wrong else "ok", " ".join(run["run"])), flush=True)
                if wrong:
                    failures.append("%s %s" % (run["run"][0], wrong))
                else:
                    passed += 1
            zookeeper.stdin.close()
    finish(passed, failures)


if __name__ == "__main__":
    main()
