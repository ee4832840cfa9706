# Part of muster. Boost Software License 1.0, see LICENSE.
"""set.py HOSTS PATH DATA

Replaces the data of a znode, whatever its version, and prints its new version.
"""
import sys

from common import connected

hosts, path, data = sys.argv[1:4]
with connected(hosts) as zk:
    print(zk.set(path, data.encode("utf-8", "surrogateescape")).version)
