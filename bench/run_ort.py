#!/usr/bin/env python3
"""Concord's way to ONNX Runtime, beside ONNX Runtime's own time for the same runs through its package for node.

usage: run_ort.py [--rounds N] [--pack DIR] [--calls N] [--out FILE]
The two take turns run by run, each in its process, and which of them is first changes: what else a machine does meets both.
Figures are medians over the runs, of CPU time (all threads) and of wall time; a ratio is the median of those of the turns.
--pack: an exported pack (of the base shape: inference/packs/ofa/random_checkpoint.py and export.py) for the statements that
share a picture; without it the built-in one. Exits 1 when a limit is not kept.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent / "ort"
WORK = Path(os.environ.get("BENCH_WORK", ".deps/bench/work")) / "ort"
VERSION = Path(".deps/onnxruntime/version")
LIMIT, SHARED, ADDED_MS, GROWTH = 1.05, .6, 5, 1.1
THREADS = os.cpu_count()
REST = .05  # s between two runs: ONNX Runtime's threads hold their cores for a while after one, in the way of whoever comes next


def build():
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", WORK / "ort", "./bench/ort"], check=True)
    if not (WORK / "encoder.onnx").exists():
        subprocess.run(["/usr/bin/python3", HERE / "make_onnx.py", WORK / "encoder.onnx"], check=True)
    if not (WORK / "node_modules/onnxruntime-node").exists():
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", WORK, "onnxruntime-node@" + VERSION.read_text().strip()],
                       check=True, env=dict(os.environ, ONNXRUNTIME_NODE_INSTALL="skip"))


def call(command):
    done = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, env=dict(os.environ, NODE_PATH=str(WORK / "node_modules")))
    return json.loads(done.stdout.splitlines()[-1])


class Runner:
    """A process that runs a graph when it is told to."""

    def __init__(self, *command):
        env = dict(os.environ, NODE_PATH=str(WORK / "node_modules"))
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def run(self):
        time.sleep(REST)
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(name, model, spec, turns):
    arguments = [model, THREADS, json.dumps(spec)]
    both = {"concord": Runner(WORK / "ort", "time", *arguments), "onnxruntime": Runner("node", HERE / "ort_time.cjs", *arguments)}
    first = {who: runner.run() for who, runner in both.items()}  # it warms up, too
    if any(abs(a - b) > 1e-5 for a, b in zip(first["concord"]["first"], first["onnxruntime"]["first"])):
        sys.exit(f"{name}: the outputs differ: {first}")
    found = []
    for turn in range(turns):
        found.append({who: both[who].run() for who in list(both)[::1 if turn % 2 else -1]})
    for runner in both.values():
        runner.end()
    mine, other = ({k: statistics.median(f[who][k] for f in found) for k in ("ms", "cpu_ms")} for who in ("concord", "onnxruntime"))
    ratio = {k: statistics.median(f["concord"][k] / f["onnxruntime"][k] for f in found) for k in ("ms", "cpu_ms")}
    print(f"{name:28} {mine['cpu_ms']:9.1f} {other['cpu_ms']:9.1f} {ratio['cpu_ms']:6.2f}   {mine['ms']:9.1f} {other['ms']:9.1f} {ratio['ms']:6.2f}", flush=True)
    return {"name": name, "concord": mine, "onnxruntime": other, "cpu_ratio": ratio["cpu_ms"], "ratio": ratio["ms"],
            "kept": min(ratio.values()) <= LIMIT}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--pack", default="builtin")
    p.add_argument("--calls", type=int, default=10_000)
    p.add_argument("--out")
    a = p.parse_args()
    build()
    print(f"{THREADS} threads; ms of CPU time and of wall time\n{'':28} {'Concord':>9} {'ORT':>9} {'ratio':>6}   {'Concord':>9} {'ORT':>9} {'ratio':>6}")
    results = [compare(f"encoder, batch {b}, {n} ids", WORK / "encoder.onnx", {"ids": ["int64", [b, n], 24000]}, a.rounds * turns)
               for b, n, turns in ((1, 32, 40), (1, 128, 15), (8, 128, 5))]
    share = call([WORK / "ort", "share", a.pack, THREADS, a.rounds])
    print(f"8 statements on one picture ({a.pack}): {share['together_ms']:.0f} ms, in 8 calls {share['apart_ms']:.0f} ms, ratio {share['ratio']:.2f} (CPU {share['cpu_ratio']:.2f})")
    case = call([WORK / "ort", "case", a.pack, THREADS, a.rounds])
    print(f"a case of 6 statements and 4 pictures ({a.pack}): {case['ms']:.0f} ms (p95 of {a.rounds}: {case['p95_ms']:.0f}), {case['cpu_ms']:.0f} of CPU, {case['mb']:.0f} MB")
    queue = call([WORK / "ort", "queue", "builtin", THREADS, 5])
    print(f"a case alone {queue['alone_ms']:.2f} ms, at half load {queue['half_load_ms']:.2f} ms (p95 {queue['half_load_p95_ms']:.2f}): queueing adds {queue['added_ms']:.2f} ms")
    memory = call([WORK / "ort", "memory", "builtin", THREADS, a.calls])
    print(f"memory over {memory['calls']} calls, by tenths: {memory['rss_mb']} MB")
    sizes = memory["rss_mb"]
    results += [dict(case, name="case", kept=True), dict(share, name="share", kept=min(share["ratio"], share["cpu_ratio"]) <= SHARED), dict(queue, name="queue", kept=queue["added_ms"] < ADDED_MS),
                dict(memory, name="memory", kept=max(sizes[5:]) <= GROWTH * max(sizes[:5]))]
    if a.out:
        Path(a.out).write_text("".join(json.dumps(r) + "\n" for r in results))
    missed = [r["name"] for r in results if not r["kept"]]
    if missed:
        sys.exit("limits not kept: " + ", ".join(missed))


if __name__ == "__main__":
    main()
