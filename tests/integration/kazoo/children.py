# Part of muster. Boost Software License 1.0, see LICENSE.
"""children.py HOSTS PATH

Prints one line for each child, sorted by name, as get.py does; children that vanish meanwhile are left out.
"""
import sys

from kazoo.exceptions import NoNodeError

from common import connected, node_json

hosts, path = sys.argv[1:3]
with connected(hosts) as zk:
    for name in sorted(zk.get_children(path)):
        child = path.rstrip("/") + "/" + name
        try:
            print(node_json(child, *zk.get(child)))
        except NoNodeError:    # gone since it was listed
            pass
