#!/usr/bin/env bash
# Installs what is missing, then builds and runs the whole test suite: source checks, and the suite plain, under the
# address and undefined-behaviour sanitizers, and under the thread sanitizer.
#   tests/run.sh [STAGE...]     stages: dev lint asan tsan (default: all, in this order)
set -euo pipefail
cd "$(dirname "$0")/.."

sh config/install-packages.sh build test
jobs=$(nproc)
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(dev lint asan tsan)

configure_and_build() {
  cmake --preset "$1" >"build/$1.configure.log" 2>&1 || { cat "build/$1.configure.log"; exit 1; }
  cmake --build --preset "$1" -- -j "$jobs" >"build/$1.build.log" 2>&1 ||
    { grep -E 'error|FAILED' -A 12 "build/$1.build.log" | head -n 200; exit 1; }
}

suite() {  # PRESET [ctest arguments]: builds, runs, and ends with one line that tells what passed
  local preset=$1 began=$SECONDS
  shift
  echo "== $preset: build"
  configure_and_build "$preset"
  echo "== $preset: tests"
  ctest --test-dir "build/$preset" --output-on-failure -j "$jobs" "$@" >"build/$preset.tests.log" 2>&1 ||
    { grep -vE '^ *[0-9]+/[0-9]+ Test.*(Passed|Skipped)|^ *Start' "build/$preset.tests.log" | tail -n 300; exit 1; }
  grep -E 'Skipped' "build/$preset.tests.log" | sed -n '1,3p' || true
  echo "== $preset: $(grep -E '^[0-9]+% tests passed' "build/$preset.tests.log") in $((SECONDS - began)) s"
}

lint() {
  local began=$SECONDS sources
  mapfile -t sources < <(git ls-files '*.cc' '*.h')
  clang-format --dry-run -Werror "${sources[@]}"
  # Names and mistakes, with the compile commands of the dev build, which must be there.
  # clang 14 does not find the coroutines of this standard library: the one file that uses them is left out.
  git ls-files 'analysis/*.cc' 'daemon/*.cc' 'detectors/*.cc' 'protocol/*.cc' 'simulators/*.cc' |
    grep -v '^daemon/dashboard/server.cc$' |
    xargs -P "$jobs" -n 4 clang-tidy --quiet -p build/dev >build/lint.log 2>/dev/null || { cat build/lint.log; exit 1; }
  echo "== lint: ${#sources[@]} files formatted, $(git ls-files '*.cc' | grep -cvE '^tests/') checked in $((SECONDS - began)) s"
}

mkdir -p build
for stage in "${stages[@]}"; do
  case $stage in
    lint) lint ;;
    dev) suite dev ;;
    asan) ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 suite asan -LE 'browser|source' ;;
    # libzmq is not instrumented: what it does among its own threads is not for us to judge.
    tsan) TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp" suite tsan -LE 'browser|source|fuzz' ;;
    *) echo "tests/run.sh: stage \"$stage\" is unknown; allowed: lint dev asan tsan" >&2; exit 2 ;;
  esac
done
echo "All stages passed: ${stages[*]}"
