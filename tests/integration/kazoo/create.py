# Part of muster. Boost Software License 1.0, see LICENSE.
"""create.py HOSTS PATH DATA [sequence]

Creates a persistent znode, and its parents, with the bytes of DATA (@N: N bytes of "x"), and prints its path.
"""
import sys

from common import connected

hosts, path, data = sys.argv[1:4]
content = b"x" * int(data[1:]) if data.startswith("@") else data.encode("utf-8", "surrogateescape")
with connected(hosts) as zk:
    print(zk.create(path, content, makepath=True, sequence="sequence" in sys.argv[4:]))
