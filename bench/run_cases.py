#!/usr/bin/env python3
"""Cases: from the last byte of a report, its study being there, until PACS and RIS have acknowledged their results."""
import argparse
import os
import shutil
import socket
import subprocess
import time

from benchlib import CONCORD, WORK, free_port, load, record


def arguments():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--rate", default="10", help="reports a second")
    a.add_argument("--seconds", default="60")
    a.add_argument("--text", default="", help="of the report; by default one that no model is asked about")
    a.add_argument("--runs", type=int, default=1)
    a.add_argument("--out", required=True, help="JSON lines are added to this file")
    return a.parse_args()


def run(rate, seconds, text):
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("dicom", "hl7", "http", "pacs", "ris")}
    folder = WORK / "cases"
    shutil.rmtree(folder, ignore_errors=True)
    settings = [f"data_dir={folder}", "dicom.ae_title=BENCH", "study.quiet=1s",
                f"peers=[{{name: pacs, ae_title: PACS, address: '{ports['pacs']}', send_results: true}}]",
                f"hl7_destinations=[{{name: ris, address: '{ports['ris']}', send_results: true}}]"]
    settings += [f"{name}.listen={ports[name]}" for name in ("dicom", "hl7", "http")]
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / "cases.log", "wb") as log:
        node = subprocess.Popen([CONCORD, "serve", *(part for s in settings for part in ("--set", s))], stderr=log)
    try:
        wait_listening(ports["hl7"])
        return load("cases", *(part for name in ("dicom", "hl7", "pacs", "ris") for part in (f"--{name}", ports[name])),
                    "--rate", rate, "--for", f"{seconds}s", *(["--text", text] if text else []))
    finally:
        node.terminate()
        node.wait()


def wait_listening(address):
    host, port = address.split(":")
    for _ in range(600):
        try:
            return socket.create_connection((host, int(port)), 0.5).close()
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the node does not listen, see cases.log")


def main():
    o = arguments()
    for n in range(o.runs):
        r = run(o.rate, o.seconds, o.text)
        record(o.out, **r, peer="concord", load="cases", run=n, loadavg=os.getloadavg()[0])
        print(f"{n} cases at {o.rate}/s ok={r['ok']}/{r['sent']} p50={r['p50_ms']:.1f} p99={r['p99_ms']:.1f} max={r['max_ms']:.1f} ms "
              f"repeated={r['repeated']} {r['errors'] or ''}", flush=True)


if __name__ == "__main__":
    main()
