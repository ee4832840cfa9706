#!/usr/bin/env python3
# Part of muster. Boost Software License 1.0, see LICENSE.
"""Runs the bench for as short as possible and checks the JSON lines, on which other programs rely."""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PICKS = ["bench", "policy", "api", "instances", "threads", "ns_per_op", "floor_ns", "ops_per_s", "speedup",
         "allocs_per_op"]
CLIENT = ["bench", "impl", "op", "window", "server", "ops_per_s", "cpu_us_per_op", "p50_us", "p99_us"]
DISCOVERY = ["bench", "impl", "instances", "server", "bootstrap_ms", "add_visible_us_p50", "add_visible_us_p99",
             "remove_visible_us_p50", "remove_visible_us_p99", "bytes_per_change", "rss_mib"]
SESSIONS = ["bench", "impl", "sessions", "timeout_ms", "server", "cpu_percent", "bytes_per_session"]
OPS = ["get", "set", "create_delete", "children", "multi"]


def lines_of(*args):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as out:
        subprocess.run([sys.argv[1], *args, "--rounds", "2", "--seconds", "0.01", "--json", out.name], check=True)
        return [json.loads(line) for line in out]


def usage_error(*args):
    run = subprocess.run([sys.argv[1], *args], capture_output=True, text=True)
    assert run.returncode == 2, run
    return run.stderr


picks = lines_of("picks", "--instances", "4", "33", "--threads", "1", "2")
assert len(picks) == 13 * 4 * 2 * 2, len(picks)
client = lines_of("client", "--op", ",".join(OPS), "--window", "8", "--impl", "muster")
assert [line["op"] for line in client] == OPS, client
embedded = lines_of("client", "--op", ",".join(OPS), "--window", "8", "--server", "embedded")
assert [(line["impl"], line["server"]) for line in embedded] == [("muster", "embedded")] * 5, embedded
# The C client where it was there when the bench was built.
apart = lines_of("client", "--op", ",".join(OPS), "--window", "1", "64", "--server", "embedded-process")
assert [line["impl"] for line in apart] in (["muster"] * 10, ["muster", "c"] * 10), apart
assert {(line["op"], line["window"]) for line in apart} == {(op, window) for op in OPS for window in (1, 64)}, apart
client += embedded + apart
for line in picks + client:
    own = ["allocs_per_op"] if line["bench"] == "client" and line["impl"] == "muster" else []
    assert list(line) == (PICKS if line["bench"] == "picks" else CLIENT + own), line
    numbers = [v for k, v in line.items() if isinstance(v, float) and k != "allocs_per_op"]
    assert all(v >= 0 for v in numbers) and line["ops_per_s"] > 0, line

# No pick allocates, and a pipelined get nothing but its data and the copy of the path that it was given.
for line in picks:
    assert line["allocs_per_op"] < 0.01, line
for line in apart:
    if (line["impl"], line["op"], line["window"]) == ("muster", "get", 64):
        assert line["allocs_per_op"] < 2.2, line

sessions = lines_of("sessions", "--sessions", "20", "--session-timeout", "0.5", "--server", "embedded-process")
assert [line["impl"] for line in sessions] in (["muster"], ["muster", "c"]), sessions
for line in sessions:
    own = ["heap_bytes_per_session"] if line["impl"] == "muster" else []
    assert list(line) == SESSIONS + own and (line["sessions"], line["timeout_ms"]) == (20, 500), line
    assert line["cpu_percent"] >= 0, line
    assert not own or line["heap_bytes_per_session"] < 24 * 1024, line    # a program may have a thousand

with tempfile.NamedTemporaryFile("r", suffix=".svg") as picture:
    lines_of("picks", "--instances", "10", "100", "--policy", "roundrobin,p2c", "--plot", picture.name)
    svg = xml.etree.ElementTree.parse(picture).getroot()
    said = [e.text for e in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert svg.tag.endswith("svg") and said.count("roundrobin") == said.count("p2c") == 3, said
    bars = list(svg.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 1 + 2 * 10, len(bars)

# The peer in Java is there or not; what is not there has no lines, and is no failure.
discovery = lines_of("discovery", "--instances", "20", "50", "--changes", "3")
ours = [line for line in discovery if line["impl"] == "muster"]
assert [line["instances"] for line in ours] == [20, 50], discovery
assert {line["impl"] for line in discovery} <= {"muster", "curator"}, discovery
discovery += lines_of("discovery", "--instances", "20", "--changes", "3", "--impl", "muster", "--server", "embedded-process")
for line in discovery:
    assert list(line) == DISCOVERY, line
    assert line["bootstrap_ms"] > 0 and 0 < line["bytes_per_change"] < 1024, line
    assert 0 < line["add_visible_us_p50"] <= line["add_visible_us_p99"], line

assert "fastest" in usage_error("picks", "--policy", "fastest")
assert "0" in usage_error("client", "--window", "0")
assert "70000" in usage_error("client", "--server", "127.0.0.1:70000")
assert "70000" in usage_error("discovery", "--server", "127.0.0.1:70000")
assert "embedded-process" in usage_error("sessions", "--server", "embedded")
assert "embedded-process" in usage_error("discovery", "--server", "embedded")
assert "1 " in usage_error("sessions", "--sessions", "1")
