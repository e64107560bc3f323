#!/usr/bin/env bash
# Builds the release preset with benchmarks, runs them, and prints the ratios. Results: build/bench/*.json
set -euo pipefail
cd "$(dirname "$0")/.."
sh config/install-packages.sh build test
cmake --preset release -DGLASSWATCH_BENCHMARKS=ON >/dev/null
cmake --build --preset release --target analysis_bench -- -j "$(nproc)" | tail -n 1
mkdir -p build/bench
build/release/bench/analysis_bench --benchmark_out=build/bench/analysis.json --benchmark_out_format=json \
  --benchmark_repetitions=1 >/dev/null
/usr/bin/python3 tests/bench/ratios.py build/bench/*.json
