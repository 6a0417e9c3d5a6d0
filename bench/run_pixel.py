#!/usr/bin/env python3
"""One frame from file to what a model sees (decode, window, resize to 384), beside DCMTK and GDCM in process.

usage: run_pixel.py [--rounds N] [--repeats N] [--out FILE] [FILE.dcm...]
Each round takes every program in turn on one processor; medians over the rounds of medians of CPU time. JPEG 2000 also
runs on all processors: its wall time beside GDCM's CPU time on one, and beside GDCM's wall time on all. Files: those of make_objects.py, or the ones given.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ.get("BENCH_WORK", ".deps/bench/work")) / "pixel"
PEERS = ["concord", "dcmtk", "gdcm"]
NOT_READ = {("dx-jpeg12", "gdcm")}  # it answers that all is well, and gives no picture
LIMITS = [  # file, peer, ratio not to exceed
    ("ct-native", "dcmtk", .5), ("dx-native", "dcmtk", .5), ("dx16-native", "dcmtk", .5), ("ct-jpeg-lossless", "dcmtk", 1),
    ("dx-jpeg-lossless", "dcmtk", 1), ("ct-jpegls", "dcmtk", 1), ("dx-jpegls", "dcmtk", 1), ("dx-jpeg12", "dcmtk", 1),
    ("us-jpeg", "dcmtk", 1), ("ct-j2k", "gdcm", 1), ("dx-j2k", "gdcm", 1), ("ct-rle", "gdcm", .2), ("dx-rle", "gdcm", .2)]


def build():
    gdcm = next(Path("/usr/include").glob("gdcm-*"))
    source, target = HERE / "pixel", WORK
    target.mkdir(parents=True, exist_ok=True)
    for command in [
            ["go", "build", "-o", target / "concord", "./bench/pixel/concord"],
            ["gcc", "-O3", source / "floor.c", "-o", target / "floor"],
            ["g++", "-O2", source / "dcmtk.cc", "-o", target / "dcmtk", "-ldcmjpeg", "-ldcmjpls", "-ldcmimage", "-ldcmimgle", "-ldcmdata",
             "-loflog", "-lofstd"],
            ["g++", "-O2", f"-I{gdcm}", source / "gdcm.cc", "-o", target / "gdcm", "-lgdcmMSFF", "-lgdcmDSED", "-lgdcmCommon"]]:
        subprocess.run(command, check=True)


def run(program, arguments, one_processor=True):
    command = [WORK / program, *map(str, arguments)]
    if one_processor:
        command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def measure(files, rounds, repeats):
    rows = run("floor", [])
    for n in range(rounds):
        for file in files:  # the programs of a file run one after the other, so that drift hits all alike
            times = repeats * (20 if file.stat().st_size < 1 << 20 else 1)
            for peer in PEERS[n % 3:] + PEERS[:n % 3]:
                if (file.stem, peer) not in NOT_READ:
                    rows += run(peer, [times, file])
            if file.stem.endswith("j2k"):
                rows += [{**row, "threads": True} for peer in PEERS[::2] for row in run(peer, [times, file], one_processor=False)]
    return rows


def medians(rows, key, threads=False):
    found = {}
    for row in rows:
        if "error" not in row and row.get("threads", False) == threads:
            found.setdefault((Path(row["file"]).stem, row["peer"]), []).append(row[key])
    return {cell: statistics.median(values) for cell, values in found.items()}


def show(rows):
    cpu, wall, threaded = medians(rows, "cpu"), medians(rows, "wall"), medians(rows, "wall", threads=True)
    limits = {(file, peer): limit for file, peer, limit in LIMITS}
    cell = lambda values, *at: f"{values[at]:9.2f}" if at in values else "        –"
    print(f"{'ms of CPU a frame, one thread':24s}" + "".join(f"{peer:>10s}" for peer in PEERS) + "   ratio to dcmtk, gdcm (limit)")
    for file in dict.fromkeys(Path(row["file"]).stem for row in rows if row["peer"] == "concord"):
        if (file, "concord") not in cpu:
            continue
        ratios = ""
        for peer in PEERS[1:]:
            if (file, peer) in cpu:
                limit = limits.get((file, peer))
                ratios += f"   {cpu[file, 'concord'] / cpu[file, peer]:5.2f}" + (f" (≤ {limit})" if limit else "        ")
        print(f"{file:29s}" + " ".join(cell(cpu, file, peer) for peer in PEERS) + ratios)
    for (file, peer), ms in threaded.items():
        if peer == "concord":
            print(f"{file} on all processors, wall: {ms:.1f} ms; to GDCM on one {ms / cpu[file, 'gdcm']:.2f}" + (" (≤ 0.5)" if file == "dx-j2k" else "")
                  + f", to GDCM on all {ms / threaded[file, 'gdcm']:.2f}")
    for file in ("ct-native", "dx-native"):
        if (file, "floor") in wall:
            print(f"memory floor of {file}: {wall[file, 'floor']:.3f} ms")
    if ("ct-wrapped", "concord") in wall:
        print(f"a CT slice to a worker and back: {wall['ct-wrapped', 'concord'] - wall['ct-native', 'concord']:.3f} ms (≤ 0.3)")
    for row in rows:
        if "error" in row and row["peer"] == "concord":
            print(f"concord, {row['file']}: {row['error']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    build()
    files = options.files
    if not files:
        subprocess.run([sys.executable, HERE / "pixel/make_objects.py", os.environ.get("BENCH_DATA", ".deps/bench/data"), WORK / "objects"], check=True)
        files = sorted((WORK / "objects").glob("*.dcm"))
    rows = measure(files, options.rounds, options.repeats)
    if options.out:
        options.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    show(rows)


if __name__ == "__main__":
    main()
