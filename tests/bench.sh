#!/usr/bin/env bash
# Builds the release preset with benchmarks, runs them, and prints the ratios. Results: build/bench/*.json
set -euo pipefail
cd "$(dirname "$0")/.."
sh config/install-packages.sh build test
cmake --preset release -DGLASSWATCH_BENCHMARKS=ON >/dev/null
cmake --build --preset release --target analysis_bench simulation_bench glasswatch-simulate \
  glasswatchd glasswatch glasswatch-analyze glasswatch-replay -- -j "$(nproc)" | tail -n 1
mkdir -p build/bench
for part in analysis simulation; do
  build/release/bench/${part}_bench --benchmark_out=build/bench/$part.json --benchmark_out_format=json \
    --benchmark_repetitions=1 >/dev/null
done
/usr/bin/python3 tests/bench/ratios.py build/bench/analysis.json build/bench/simulation.json

echo "whole process, nobody subscribed:"
for scenario in ecm-hold ramp-hrtem ramp-fast nbd-scan; do
  printf '%-12s ' $scenario
  build/release/bin/glasswatch-simulate config/scenarios/$scenario.textproto --speed max --frames 100 2>/dev/null | tail -n 1
done

echo "live and offline symmetry, sender and subscriber on the same machine:"
GLASSWATCH_BIN=build/release/bin PYTHONPATH=build/release/generated PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/python3 tests/bench/live_symmetry.py --json build/bench/live_symmetry.json

echo "recording beside the analysis, sender on the same machine:"
GLASSWATCH_BIN=build/release/bin PYTHONPATH=build/release/generated PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/python3 tests/bench/live_recording.py --json build/bench/live_recording.json
