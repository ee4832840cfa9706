# Part of muster. Boost Software License 1.0, see LICENSE.
"""close_session.py HOSTS SESSION PASSWORD_HEX

Takes over the session with that id (signed decimal, or 0x and hexadecimal) and closes it: an expiry at will. Its owner may
take it back before the closing is heard: then once more, until the server does not know it any more.
"""
import sys

from common import connected

hosts, session, password = sys.argv[1:4]
number = int(session, 0)
if number >= 1 << 63:
    number -= 1 << 64
was_there = False
for _ in range(10):
    with connected(hosts, client_id=(number, bytes.fromhex(password))) as zk:
        if zk.client_id[0] != number:
            break
    was_there = True
else:
    sys.exit("session %#x is there still" % (number & (1 << 64) - 1))
if not was_there:
    sys.exit("session %#x is not there any more" % (number & (1 << 64) - 1))
