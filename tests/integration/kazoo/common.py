# Part of muster. Boost Software License 1.0, see LICENSE.
"""What the scripts share: a connection, and the seed's way to write an instance."""
import contextlib
import json
import logging

from kazoo.client import KazooClient

logging.basicConfig(level=logging.ERROR)


@contextlib.contextmanager
def connected(hosts, **options):
    client = KazooClient(hosts=hosts, timeout=options.pop("timeout", 10.0), **options)
    client.start(timeout=15)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def go_json(value):
    """The bytes of Go's json.Marshal: no spaces, and what could end a script in HTML is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, "\\u%04x" % ord(char))
    return text.encode()


def seed_instance(ip, port, unique_code="", weight=1, username="", userpwd=""):
    """The data of an instance, with the keys in the seed's order."""
    return go_json({"serverip": ip, "serverport": port, "username": username, "userpwd": userpwd,
                    "serveruniquecode": unique_code, "weight": weight})


def stat_json(stat):
    return {"czxid": stat.czxid, "mzxid": stat.mzxid, "pzxid": stat.pzxid, "version": stat.version,
            "cversion": stat.cversion, "aversion": stat.aversion, "ephemeral_owner": stat.ephemeralOwner,
            "data_length": stat.dataLength, "num_children": stat.numChildren}


def node_json(path, data, stat):
    """One line. "data" maps each byte to the character of the same number, so that nothing is lost."""
    return json.dumps({"path": path, "data": data.decode("latin-1"), "stat": stat_json(stat)}, separators=(",", ":"))
