#!/usr/bin/env python3
"""Prints a table from the JSON lines of run_store.py: median (min-max) over the rounds, and the ratio to a base.

usage: report.py RESULTS.jsonl BASE_PEER
"""
import json
import statistics
import sys
from collections import defaultdict


def spread(rows, key):
    """median, least and greatest of the rows' key; None without any"""
    values = [r[key] for r in rows if isinstance(r.get(key), (int, float))]
    return (statistics.median(values), min(values), max(values)) if values else None


def text(s, digits=1):
    return "-" if s is None else f"{s[0]:.{digits}f} ({s[1]:.{digits}f}-{s[2]:.{digits}f})"


def main():
    path, base = sys.argv[1:]
    cells = defaultdict(list)
    for line in open(path):
        r = json.loads(line)
        cells[(r["load"], r["assoc"], r["peer"])].append(r)
    print(f"| load | conns | server | rounds | items/s | × {base} | MB/s | first ms | p50 ms | p99 ms | peak MB | CPU ms/item | CPU s/GB | lost |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")

    def order(item):
        (kind, n, _), rows = item
        return kind, n, -(spread(rows, "obj_s") or (0,))[0]

    for (kind, n, peer), rows in sorted(cells.items(), key=order):
        mine, other = spread(rows, "obj_s"), spread(cells.get((kind, n, base), []), "obj_s")
        ratio = f"{mine[0] / other[0]:.2f}" if mine and other and other[0] else "-"
        lost = sum((r.get("sent") or 0) - (r.get("ok") or 0) for r in rows)
        columns = [kind, n, peer, len(rows), text(mine), ratio, text(spread(rows, "mb_s"), 0), text(spread(rows, "first_ms"), 1),
                   text(spread(rows, "p50_ms"), 2), text(spread(rows, "p99_ms")), text(spread(rows, "peak_mb"), 0),
                   text(spread(rows, "cpu_ms_per_object"), 2), text(spread(rows, "cpu_s_per_gb"), 2), lost]
        print("|", " | ".join(map(str, columns)), "|")


if __name__ == "__main__":
    main()
