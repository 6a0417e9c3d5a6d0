#!/usr/bin/env python3
"""MLLP: ORU^R01 of about 1 kB, every server in turn within each round."""
import argparse
import os

from benchlib import HL7_SERVERS, Server, load, record, settle


def arguments():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--peers", default="sink,concord,python-hl7")
    a.add_argument("--conns", default="1,16", help="connections at once")
    a.add_argument("--n", type=int, default=3000, help="messages")
    a.add_argument("--runs", type=int, default=3)
    a.add_argument("--reconnect", default="node-hl7-server", help="servers that get a new connection for each message")
    a.add_argument("--out", required=True, help="JSON lines are added to this file")
    return a.parse_args()


def cell(peer, connections, n, reconnect):
    settle()
    with Server(peer, HL7_SERVERS) as s:
        r = load("mllp", "--addr", s.address, "--conns", connections, "--n", n, "--timeout", "10s", *(["--reconnect"] if reconnect else []))
        r.update(cpu_s=round(s.cpu(), 3), peak_mb=round(s.peak_mb, 1))
    return r


def main():
    o = arguments()
    for run in range(o.runs):
        for connections in map(int, o.conns.split(",")):
            for peer in o.peers.split(","):
                try:
                    r = cell(peer, connections, o.n, peer in o.reconnect.split(","))
                except Exception as e:  # a server that does not start costs its own row only
                    r = {"error": repr(e)}
                record(o.out, **r, peer=peer, load="hl7", conns=connections, run=run, loadavg=os.getloadavg()[0])
                print(f"{run} hl7 x{connections:<2d} {peer:16s} ok={r.get('ok')} {r.get('msg_s', 0):9.1f} msg/s p50={r.get('p50_ms')} p99={r.get('p99_ms')} "
                      f"peak={r.get('peak_mb')} MB {str(r.get('errors') or r.get('error') or '')[:300]}", flush=True)


if __name__ == "__main__":
    main()
