# Part of muster. Boost Software License 1.0, see LICENSE.
"""delete.py HOSTS PATH

Deletes a znode, whatever its version.
"""
import sys

from common import connected

hosts, path = sys.argv[1:3]
with connected(hosts) as zk:
    zk.delete(path)
