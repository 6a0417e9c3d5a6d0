#!/usr/bin/env bash
# What `make bench` runs: all measurements in one go, then the tables. Results stay in .deps/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
python=${BENCH_PYTHON:-/usr/bin/python3}
results=.deps/bench/results-$(date +%Y%m%d-%H%M%S)
mkdir -p "$results"

"$python" bench/gen_dicom.py "${BENCH_DATA:-.deps/bench/data}"
"$python" bench/run_store.py --out "$results/store.jsonl"
"$python" bench/run_hl7.py --out "$results/hl7.jsonl" | tee "$results/hl7.txt"
"$python" bench/run_failures.py --out "$results/failures.jsonl"
"$python" bench/run_cases.py --seconds 30 --out "$results/cases.jsonl"
"$python" bench/run_ort.py --out "$results/ort.jsonl" >"$results/ort.txt" 2>&1 || true # it says which limits were not kept
"$python" bench/run_pixel.py --out "$results/pixel.jsonl" >"$results/pixel.txt"

echo
cat "$results/pixel.txt"
echo
cat "$results/ort.txt"
echo
echo "C-STORE; base is Orthanc, which like Concord syncs an object before it answers. storescp syncs nothing."
"$python" bench/report.py "$results/store.jsonl" orthanc
echo
echo "MLLP; python-hl7 and node-hl7-server store nothing, Concord acknowledges after a durable commit."
grep '^|' "$results/hl7.txt"
echo
echo "Results are in $results; failures.jsonl says what each server did when things went wrong."
