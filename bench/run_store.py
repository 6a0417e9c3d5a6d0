#!/usr/bin/env python3
"""C-STORE: every server in turn within each round, so that drift of the machine hits all alike."""
import argparse
import os
import shutil
import time

from benchlib import DATA, WORK, Server, load, record, settle


def arguments():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--peers", default="sink,concord,orthanc,orthanc-nosync,storescp,storescp-B")
    a.add_argument("--loads", default="ct,dx,us,tiny")
    a.add_argument("--assoc", default="1,4,16", help="associations at once")
    a.add_argument("--runs", type=int, default=3)
    a.add_argument("--limit", default="", help="files of a load at most: ct=300,tiny=1500")
    a.add_argument("--out", required=True, help="JSON lines are added to this file")
    return a.parse_args()


def cell(peer, kind, associations, limit, store):
    """Sends one load to one fresh server."""
    settle()
    with Server(peer, store=store) as s:
        r = load("store", "--addr", s.address, "--dir", DATA / kind, "--assoc", associations, "--limit", limit)
        time.sleep(0.2)
        cpu, gb = s.cpu(), (r.get("mbytes") or 0) / 1000
        r.update(cpu_s=round(cpu, 3), cpu_s_per_gb=round(cpu / gb, 3) if gb else None,
                 cpu_ms_per_object=round(cpu * 1000 / r["ok"], 3) if r.get("ok") else None,
                 peak_mb=round(s.peak_mb, 1), idle_mb=round(s.idle_mb, 1), start_ms=round(s.start_ms), stored=s.stored(), alive=s.alive())
    s.empty()
    return r


def main():
    o = arguments()
    limits = dict(x.split("=") for x in o.limit.split(",") if x)
    stores = WORK / "stores"
    shutil.rmtree(stores, ignore_errors=True)
    for run in range(o.runs):
        for kind in o.loads.split(","):
            for n in map(int, o.assoc.split(",")):
                for peer in o.peers.split(","):
                    try:
                        r = cell(peer, kind, n, int(limits.get(kind, 0)), stores / f"{run}-{kind}-{n}-{peer}")
                    except Exception as e:  # a server that does not start costs its own row only
                        r = {"error": repr(e)}
                    record(o.out, **r, peer=peer, load=kind, assoc=n, run=run, loadavg=os.getloadavg()[0])
                    print(f"{run} {kind:5s} x{n:<2d} {peer:16s} ok={r.get('ok')} stored={r.get('stored')} {r.get('obj_s', 0):8.1f} obj/s "
                          f"{r.get('mb_s', 0):7.1f} MB/s p99={r.get('p99_ms')} peak={r.get('peak_mb')} MB "
                          f"{str(r.get('errors') or r.get('error') or '')[:160]}", flush=True)
    shutil.rmtree(stores, ignore_errors=True)


if __name__ == "__main__":
    main()
