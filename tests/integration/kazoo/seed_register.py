# Part of muster. Boost Software License 1.0, see LICENSE.
"""seed_register.py HOSTS PARENT master|normal IP PORT [UNIQUE_CODE [WEIGHT [TIMEOUT_SECONDS]]]

Registers an instance below PARENT (/micro-service/testserver) as the seed does: "master", or "normal" and a sequence number.
Prints one line, {"path":…,"data":…,"session":ID,"password":HEX}, and stays until its input ends; then it closes its session.
"""
import json
import sys

from common import connected, seed_instance

hosts, parent, role, ip, port = sys.argv[1:6]
unique_code = sys.argv[6] if len(sys.argv) > 6 else ""
weight = int(sys.argv[7]) if len(sys.argv) > 7 else 1
timeout = float(sys.argv[8]) if len(sys.argv) > 8 else 10.0
with connected(hosts, timeout=timeout) as zk:
    zk.ensure_path(parent)
    data = seed_instance(ip, int(port), unique_code, weight)
    path = zk.create(parent + "/" + role, data, ephemeral=True, sequence=role != "master")
    session, password = zk.client_id
    print(json.dumps({"path": path, "data": data.decode(), "session": session, "password": password.hex()}), flush=True)
    sys.stdin.read()
