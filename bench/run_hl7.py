#!/usr/bin/env python3
"""MLLP: ORU^R01 of about 1 kB. Every server in turn within each round, and a table of medians and ratios at the end.

burst      messages as fast as they are answered
sustained  the same for so long that what a server puts off comes due: the rate counts until every message has its effect
half       at half of the rate that the server reached in its bursts; latencies count from when a message was due
"""
import argparse
import os
import statistics
import time

from benchlib import HL7_SERVERS, Server, get_json, load, record, settle

BASE = "python-hl7"
SETTLE_LIMIT_S = 300


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--peers", default="sink,concord,python-hl7,node-hl7-server")
    a.add_argument("--conns", default="1,16", help="connections at once")
    a.add_argument("--loads", default="burst,sustained,half")
    a.add_argument("--n", type=int, default=8000, help="messages of a burst")
    a.add_argument("--sustained", type=int, default=60000, help="messages of a sustained load: more than a backlog of 64 MiB holds")
    a.add_argument("--runs", type=int, default=3)
    a.add_argument("--reconnect", default="node-hl7-server", help="servers that get a new connection for each message")
    a.add_argument("--out", required=True, help="JSON lines are added to this file")
    return a.parse_args()


def wait_for_effects(server):
    """Seconds until Concord shows every message that it acknowledged: its lists wait for them. Others put nothing off."""
    if server.name != "concord":
        return 0
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_LIMIT_S:
        try:
            get_json(f"http://127.0.0.1:{server.http}/api/v1/cases?limit=1")
            break
        except OSError:
            pass  # it did not wait for so long; ask again
    return time.monotonic() - began


def cell(peer, connections, n, rate, reconnect):
    settle()
    with Server(peer, HL7_SERVERS) as s:
        r = load("mllp", "--addr", s.address, "--conns", connections, "--n", n, "--rate", rate, "--timeout", "30s",
                 *(["--reconnect"] if reconnect else []))
        if "ok" in r:
            r["effect_s"] = r["wall_s"] + wait_for_effects(s)
            r.update(entered_s=r["ok"] / r["effect_s"], cpu_us=1e6 * s.cpu() / max(r["ok"], 1), peak_mb=s.peak_mb)
    return r


def median(rows, key):
    values = [r[key] for r in rows if isinstance(r.get(key), (int, float))]
    return statistics.median(values) if values else None


def main():
    o = arguments()
    cells = {}
    for run in range(o.runs):
        for kind in o.loads.split(","):
            for connections in map(int, o.conns.split(",")):
                for peer in o.peers.split(","):
                    top = median(cells.get((connections, "burst", peer), []), "msg_s") or 0
                    try:
                        r = cell(peer, connections, o.sustained if kind == "sustained" else o.n,
                                 round(top / 2) if kind == "half" else 0, peer in o.reconnect.split(","))
                    except Exception as e:  # a server that does not start costs its own row only
                        r = {"error": repr(e)}
                    r.update(peer=peer, load=kind, conns=connections, run=run, loadavg=os.getloadavg()[0])
                    cells.setdefault((connections, kind, peer), []).append(r)
                    record(o.out, **r)
                    print(f"{run} {kind} x{connections} {peer}: {row([r])} {str(r.get('errors') or r.get('error') or '')[:300]}", flush=True)
    table(cells)


def row(rows):
    return " | ".join("-" if (v := median(rows, key)) is None else f"{v:.{digits}f}" for key, digits in (
        ("msg_s", 0), ("entered_s", 0), ("p50_ms", 2), ("p99_ms", 1), ("cpu_us", 0), ("peak_mb", 0)))


def table(cells):
    print(f"\n| conns | load | server | × {BASE} | acknowledged/s | entered/s | p50 ms | p99 ms | CPU µs a message | peak MB | lost |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for (connections, kind, peer), rows in sorted(cells.items()):
        mine, base = median(rows, "entered_s" if kind == "sustained" else "msg_s"), median(cells.get((connections, kind, BASE), []), "msg_s")
        ratio = f"{mine / base:.2f}" if mine and base and kind != "half" else "-"
        lost = sum((r.get("sent") or 0) - (r.get("ok") or 0) for r in rows)
        print(f"| {connections} | {kind} | {peer} | {ratio} | {row(rows)} | {lost} |")


if __name__ == "__main__":
    main()
