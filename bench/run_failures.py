#!/usr/bin/env python3
"""What each C-STORE SCP does when things go wrong: rude clients, kill -9, a full disk, and what it syncs.

diskfull mounts a small tmpfs and so needs root; fsync needs strace. What a server stored is checked with pydicom.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from benchlib import DATA, PY, WORK, Server, get_json, load, record

CHAOS = ["wrongae", "badts", "hugeassoc", "hugepdu", "hugepdv", "loris", "flood", "half", "badlen", "garbage"]
SYSCALLS = "fsync,fdatasync,syncfs,sync_file_range,msync,rename,renameat,renameat2,link"

# Reads paths, prints [whole, broken] as lists of [path, SOP instance UID or error].
CHECK = r'''
import json, sys, warnings
import pydicom
warnings.simplefilter("ignore")
whole, broken = [], []
for path in sys.stdin.read().splitlines():
    try:
        d = pydicom.dcmread(path, force=True)
        pixels = d.Rows * d.Columns * d.BitsAllocated // 8 * d.SamplesPerPixel * int(d.get("NumberOfFrames", 1))
        (whole if len(d.PixelData) >= pixels else broken).append([path, str(d.SOPInstanceUID)])
    except Exception as e:
        broken.append([path, repr(e)[:60]])
json.dump([whole, broken], sys.stdout)
'''


def arguments():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--peers", default="concord,orthanc,storescp")
    a.add_argument("--tests", default=",".join([*CHAOS, "kill9", "diskfull", "fsync"]))
    a.add_argument("--trials", type=int, default=4, help="of kill9")
    a.add_argument("--out", required=True, help="JSON lines are added to this file")
    return a.parse_args()


def sample(kind):
    return sorted((DATA / kind).glob("*.dcm"))[0]


def check(server):
    r = subprocess.run([PY, "-c", CHECK], input="\n".join(server.files()), capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONPATH": ""})
    return json.loads(r.stdout)


def chaos(peer, kind):
    with Server(peer) as s:
        r = load("chaos", "--addr", s.address, "--kind", kind, "--file", sample("dx" if kind == "half" else "ct"), "--timeout", "10s", "--mb", 512)
        time.sleep(1)
        whole, broken = check(s)
        echo = load("chaos", "--addr", s.address, "--kind", "echo", "--timeout", "5s")
        return {"result": r, "idle_mb": round(s.idle_mb), "peak_mb": round(s.peak_mb), "alive": s.alive(), "echo_after": echo.get("answer"),
                "whole_files": len(whole), "broken_files": [(os.path.getsize(path), why) for path, why in broken][:5]}


def known_to_orthanc(peer, uids):
    """Those of the UIDs that Orthanc's index has after a restart."""
    with Server(peer, fresh=False) as s:
        return {u for u in uids if get_json(f"http://127.0.0.1:{s.http}/tools/lookup", u.encode())}


def kill9(peer, trials):
    """Kills the server in the middle of a transfer: what it acknowledged has to be on the disk."""
    lost = broken_files = acked = 0
    log = WORK / "acknowledged.log"
    for trial in range(trials):
        log.unlink(missing_ok=True)
        with Server(peer) as s:
            sender = threading.Thread(target=load, args=("store", "--addr", s.address, "--dir", DATA / "dx", "--assoc", 4,
                                                         "--ack-log", log, "--timeout", "5s"))
            sender.start()
            deadline = time.time() + 20
            while not (log.exists() and log.read_text()) and time.time() < deadline:
                time.sleep(0.005)
            time.sleep(0.03 + 0.05 * trial)
            s.stop(signal.SIGKILL)
            sender.join()
        uids = set(log.read_text().split()) if log.exists() else set()
        whole, broken = check(s)
        have = {uid for _, uid in whole}
        if s.is_orthanc:
            have = known_to_orthanc(peer, have)
        acked, lost, broken_files = acked + len(uids), lost + len(uids - have), broken_files + len(broken)
    return {"trials": trials, "acked": acked, "acked_but_missing": lost, "broken_files_left": broken_files}


def diskfull(peer):
    """A disk of 24 MB: what does not fit has to be refused, and service goes on when there is room again."""
    if len(list((DATA / "ct").glob("*.dcm"))) < 60:
        raise RuntimeError("the data is too small to fill the disk; make it with SCALE=0.2 or more")
    disk = WORK / "full"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(8 << 20))
    try:
        with Server(peer, store=disk / "store") as s:
            r = load("store", "--addr", s.address, "--dir", DATA / "ct", "--limit", 100, "--assoc", 4, "--timeout", "10s")
            whole, broken = check(s)
            alive = s.alive()
            ballast.unlink()
            again = load("store", "--addr", s.address, "--dir", DATA / "tiny", "--limit", 50, "--timeout", "10s")
            acked = r.get("ok") or 0
            return {"acked": acked, "errors": r.get("errors"), "whole_files": len(whole), "broken_files": len(broken),
                    "acked_but_not_whole": max(0, acked - len(whole)), "alive": alive,
                    "ok_after_space_freed": again.get("ok"), "errors_after": again.get("errors")}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fsync(peer):
    """Counts what a server syncs for 200 objects of 5 kB on four associations."""
    log = WORK / f"strace-{peer}.txt"
    with Server(peer, prefix=["strace", "-f", "-y", "-o", str(log), "-e", "trace=" + SYSCALLS]) as s:
        before = len(log.read_text().splitlines())
        r = load("store", "--addr", s.address, "--dir", DATA / "tiny", "--limit", 200, "--assoc", 4)
        time.sleep(0.5)
        lines = log.read_text().splitlines()[before:]
    calls = {}
    for line in lines:
        m = re.search(r"(fsync|fdatasync|syncfs|sync_file_range|msync|rename\w*|link)\(\d*<?([^>,)]*)", line)
        if m:
            what = "dir" if os.path.isdir(m[2]) else "journal" if ".journal" in m[2] else "index" if "index" in m[2] or ".db" in m[2] else "object"
            calls[f"{m[1]} {what}"] = calls.get(f"{m[1]} {what}", 0) + 1
    flushes = sum(n for call, n in calls.items() if call.split()[0] in ("fsync", "fdatasync", "syncfs"))
    return {"objects": r.get("ok"), "flushes_per_object": round(flushes / max(1, r.get("ok") or 0), 2), "calls": calls}


def main():
    o = arguments()
    run = {"kill9": lambda peer: kill9(peer, o.trials), "diskfull": diskfull, "fsync": fsync}
    for peer in o.peers.split(","):
        for test in o.tests.split(","):
            try:
                row = chaos(peer, test) if test in CHAOS else run[test](peer)
            except Exception as e:  # a server that does not start costs its own row only
                row = {"error": repr(e)[:300]}
            shutil.rmtree(WORK / f"store-{peer}", ignore_errors=True)
            record(o.out, peer=peer, test=test, **row)
            print(json.dumps({"peer": peer, "test": test, **row})[:420], flush=True)


if __name__ == "__main__":
    main()
