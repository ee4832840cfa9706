# Part of muster. Boost Software License 1.0, see LICENSE.
"""kazoo_suite.py HOSTS CASE | --list

Runs one case against a server and ends with 0 if all went as it does with Apache's. Each works below a znode of its own.
"""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (AuthFailedError, BadVersionError, InvalidACLError, NoAuthError, NoChildrenForEphemeralsError,
                              NodeExistsError, NoNodeError, NotEmptyError, RolledBackError, RuntimeInconsistency)
from kazoo.retry import KazooRetry
from kazoo.security import ACL, CREATOR_ALL_ACL, Permissions, make_acl, make_digest_acl

PATIENCE = 15


class Log:
    """What happened, in order; `wait` waits for so many entries."""

    def __init__(self):
        self.entries = []
        self.changed = threading.Condition()

    def __call__(self, entry):
        with self.changed:
            self.entries.append(entry)
            self.changed.notify_all()

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.entries) >= count, PATIENCE), self.entries
            return list(self.entries)


def connect(hosts, **options):
    options.setdefault("timeout", 6.0)
    client = KazooClient(hosts=hosts, connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2), **options)
    client.start(timeout=PATIENCE)
    return client


def event_of(e):
    return e.type, e.path


def raises(expected, function, *args, **options):
    try:
        function(*args, **options)
    except expected:
        return
    raise AssertionError("%s was not raised" % expected.__name__)


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def create_in_all_modes(hosts):
    zk = connect(hosts)
    zk.create("/k-modes", b"")
    path, stat = zk.create("/k-modes/p", b"data", include_data=True)
    assert (path, stat.version, stat.dataLength, stat.ephemeralOwner) == ("/k-modes/p", 0, 4, 0)
    raises(NodeExistsError, zk.create, "/k-modes/p")
    raises(NoNodeError, zk.create, "/k-modes/no/parent")
    assert zk.create("/k-modes/deep/er", b"", makepath=True) == "/k-modes/deep/er"
    _, stat = zk.create("/k-modes/e", ephemeral=True, include_data=True)
    assert stat.ephemeralOwner == zk.client_id[0]
    raises(NoChildrenForEphemeralsError, zk.create, "/k-modes/e/child")
    assert zk.create("/k-modes/s-", sequence=True) == "/k-modes/s-0000000003"
    assert zk.create("/k-modes/", sequence=True, ephemeral=True) == "/k-modes/0000000004"
    assert sorted(zk.get_children("/k-modes")) == ["0000000004", "deep", "e", "p", "s-0000000003"]
    zk.stop()


def data_and_versions(hosts):
    zk = connect(hosts)
    zk.create("/k-data", bytes(range(256)))
    data, stat = zk.get("/k-data")
    assert data == bytes(range(256)) and stat.version == 0
    assert zk.set("/k-data", b"two", 0).version == 1
    raises(BadVersionError, zk.set, "/k-data", b"", 0)
    raises(NoNodeError, zk.set, "/k-none", b"")
    raises(NoNodeError, zk.get, "/k-none")
    assert zk.exists("/k-none") is None
    big = b"x" * 1_000_000
    zk.set("/k-data", big)
    assert zk.get("/k-data")[0] == big
    raises(BadVersionError, zk.delete, "/k-data", 0)
    zk.create("/k-data/child")
    raises(NotEmptyError, zk.delete, "/k-data")
    zk.delete("/k-data", recursive=True)
    raises(NoNodeError, zk.delete, "/k-data")
    zk.stop()


def unicode_paths_and_children(hosts):
    zk = connect(hosts)
    names = sorted(["grüße", "日本", "a b"] + ["n%04d" % i for i in range(300)])
    zk.create("/k-children")
    for name in names:
        zk.create("/k-children/" + name, name.encode())
    assert sorted(zk.get_children("/k-children")) == names
    children, stat = zk.get_children("/k-children", include_data=True)
    assert stat.numChildren == len(names) == len(children) and stat.cversion == len(names)
    assert zk.get("/k-children/日本")[0] == "日本".encode()
    raises(NoNodeError, zk.get_children, "/k-children/none")
    zk.stop()


def watches(hosts):
    zk, other = connect(hosts), connect(hosts)
    zk.create("/k-watches")
    log = Log()
    note = lambda e: log(event_of(e))
    assert zk.exists("/k-watches/n", watch=note) is None
    zk.get_children("/k-watches", watch=note)
    other.create("/k-watches/n")
    assert sorted(log.wait(2)) == [("CHILD", "/k-watches"), ("CREATED", "/k-watches/n")]
    other.set("/k-watches/n", b"unwatched")
    zk.get("/k-watches/n", watch=note)
    other.set("/k-watches/n", b"x")
    assert log.wait(3)[2] == ("CHANGED", "/k-watches/n")
    zk.get("/k-watches/n", watch=note)
    other.delete("/k-watches/n")
    assert log.wait(4)[3] == ("DELETED", "/k-watches/n")
    zk.sync("/k-watches")
    assert len(log.entries) == 4
    # An event precedes every reply that can show its change.
    seen = []
    zk.get_children("/k-watches", watch=lambda e: seen.append("event"))
    pending = [other.create_async("/k-watches/m"), zk.sync_async("/k-watches")]
    for p in pending:
        p.get(timeout=PATIENCE)
    if zk.exists("/k-watches/m"):
        eventually(lambda: seen == ["event"])
    zk.stop()
    other.stop()


def transactions(hosts):
    zk = connect(hosts)
    zk.create("/k-multi")
    t = zk.transaction()
    t.create("/k-multi/a", b"1")
    t.create("/k-multi/s-", sequence=True)
    t.set_data("/k-multi/a", b"2")
    t.check("/k-multi/a", 1)
    results = t.commit()
    assert results[0] == "/k-multi/a" and results[1] == "/k-multi/s-0000000001", results
    assert results[2].version == 1 and results[3] is True, results
    t = zk.transaction()
    t.delete("/k-multi/a")
    t.check("/k-multi/none", 0)
    t.create("/k-multi/b")
    results = t.commit()
    assert [type(r) for r in results] == [RolledBackError, NoNodeError, RuntimeInconsistency], results
    assert zk.get("/k-multi/a")[0] == b"2" and zk.exists("/k-multi/b") is None
    zk.stop()


def acls_and_authentication(hosts):
    anyone = connect(hosts)
    anyone.create("/k-acl")
    raises(InvalidACLError, anyone.create, "/k-acl/n", acl=CREATOR_ALL_ACL)
    raises(AuthFailedError, anyone.add_auth, "nonsense", "x")
    anyone = connect(hosts)    # the failure ended that connection
    me = connect(hosts, auth_data=[("digest", "me:secret")])
    me.create("/k-acl/mine", b"x", acl=CREATOR_ALL_ACL)
    acls, stat = me.get_acls("/k-acl/mine")
    assert acls == [make_digest_acl("me", "secret", all=True)] and stat.aversion == 0
    raises(NoAuthError, anyone.get, "/k-acl/mine")
    raises(NoAuthError, anyone.set, "/k-acl/mine", b"")
    raises(NoAuthError, anyone.create, "/k-acl/mine/child")
    readable = [make_acl("world", "anyone", read=True)]
    raises(NoAuthError, anyone.set_acls, "/k-acl/mine", readable)
    raises(BadVersionError, me.set_acls, "/k-acl/mine", readable, version=3)
    assert me.set_acls("/k-acl/mine", readable, version=0).aversion == 1
    assert anyone.get("/k-acl/mine")[0] == b"x"
    raises(NoAuthError, me.set, "/k-acl/mine", b"")
    assert anyone.get_acls("/k-acl/mine")[0] == [ACL(Permissions.READ, readable[0].id)]
    # Credentials are given anew with each connection.
    me.create("/k-acl/again", b"", acl=CREATOR_ALL_ACL)
    break_connection(me)
    assert me.retry(me.get, "/k-acl/again")[0] == b""
    for each in (anyone, me):
        each.stop()


def break_connection(zk):
    """As a failing network would."""
    log = Log()
    zk.add_listener(lambda state: log(state))
    zk._connection._socket.shutdown(socket.SHUT_RDWR)    # kazoo's own tests do so
    assert log.wait(2)[:2] == [KazooState.SUSPENDED, KazooState.CONNECTED], log.entries


def ephemerals_go_with_their_session(hosts):
    zk, owner = connect(hosts), connect(hosts)
    owner.create("/k-ephemeral", ephemeral=True)
    log = Log()
    assert zk.exists("/k-ephemeral", watch=lambda e: log(event_of(e)))
    owner.stop()
    assert log.wait(1) == [("DELETED", "/k-ephemeral")]
    assert zk.exists("/k-ephemeral") is None
    zk.stop()


def reconnects_and_resumes(hosts):
    zk = connect(hosts)
    session = zk.client_id
    zk.create("/k-resume", ephemeral=True)
    break_connection(zk)
    assert zk.client_id == session
    assert zk.exists("/k-resume").ephemeralOwner == session[0]
    zk._stopped.set()    # or else it would come back and take over in turn, for ever
    second = connect(hosts, client_id=session)    # takes it over
    assert second.client_id == session
    second.set("/k-resume", b"mine")
    second.stop()
    other = connect(hosts)
    assert other.exists("/k-resume") is None
    other.stop()


def wrong_password_is_no_session(hosts):
    zk = connect(hosts)
    session, password = zk.client_id
    thief = connect(hosts, client_id=(session, bytes(16)))    # kazoo begins a new session where it is refused
    assert thief.client_id[0] != session
    zk.create("/k-thief", ephemeral=True)
    assert zk.exists("/k-thief").ephemeralOwner == session
    zk.stop()
    thief.stop()


FROZEN = """
import sys
from kazoo.client import KazooClient
zk = KazooClient(hosts=sys.argv[1], timeout=2.0)
zk.add_listener(lambda state: print(state, flush=True))
zk.start()
zk.create("/k-frozen", ephemeral=True)
print("ready", flush=True)
sys.stdin.read()
"""


def silent_sessions_expire(hosts):
    zk = connect(hosts)
    log = Log()
    p = subprocess.Popen([sys.executable, "-c", FROZEN, hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        while p.stdout.readline().strip() != "ready":
            pass
        assert zk.exists("/k-frozen", watch=lambda e: log(event_of(e)))
        os.kill(p.pid, signal.SIGSTOP)
        assert log.wait(1) == [("DELETED", "/k-frozen")]
        os.kill(p.pid, signal.SIGCONT)
        states = [p.stdout.readline().strip()]
        while states[-1] != "CONNECTED":
            states.append(p.stdout.readline().strip())
        assert "LOST" in states, states
        assert zk.exists("/k-frozen") is None
    finally:
        p.kill()
        p.wait()
    zk.stop()


CASES = [create_in_all_modes, data_and_versions, unicode_paths_and_children, watches, transactions, acls_and_authentication,
         ephemerals_go_with_their_session, reconnects_and_resumes, wrong_password_is_no_session, silent_sessions_expire]


def main():
    if sys.argv[1] == "--list":
        print("\n".join(c.__name__ for c in CASES))
        return
    hosts, name = sys.argv[1:3]
    next(c for c in CASES if c.__name__ == name)(hosts)


if __name__ == "__main__":
    main()
