# Part of muster. Boost Software License 1.0, see LICENSE.
"""get.py HOSTS PATH

Prints {"path":…,"data":…,"stat":{…}}, or nothing if there is no such znode.
"""
import sys

from kazoo.exceptions import NoNodeError

from common import connected, node_json

hosts, path = sys.argv[1:3]
with connected(hosts) as zk:
    try:
        print(node_json(path, *zk.get(path)))
    except NoNodeError:
        pass
