#!/bin/bash
# First light without a microscope: installs what is missing, builds, starts the daemon and a simulated heating
# experiment, and shows live results. Ctrl-C ends it. Exit 0 only if frames flowed and results were published.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: simulators/demo.sh [--seconds N] [--headless] [--config FILE] [--scenario FILE]
  --seconds N      end by itself after N seconds (10 or more); the ramp is accelerated so that it fits
  --headless       open no browser
  --config FILE    daemon configuration (default config/first-light.textproto)
  --scenario FILE  simulated experiment (default config/scenarios/first-light.textproto)
TEXT
}

fail() {
  echo "demo.sh: $2" >&2
  exit "$1"
}

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
config="$root/config/first-light.textproto"
scenario="$root/config/scenarios/first-light.textproto"
seconds=0
headless=no
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --headless) headless=yes; shift; continue ;;
    --seconds | --config | --scenario) [ $# -ge 2 ] || fail 2 "$1: needs a value" ;;
    *) usage >&2; fail 2 "$1: no such option" ;;
  esac
  case "$1" in
    --seconds)
      [[ "$2" =~ ^[0-9]{1,6}$ ]] && [ "$2" -ge 10 ] || fail 2 "--seconds $2: a whole number of 10 or more is needed"
      seconds="$2" ;;
    --config) config="$2" ;;
    --scenario) scenario="$2" ;;
  esac
  shift 2
done
for file in "$config" "$scenario"; do
  [ -r "$file" ] || fail 3 "$file: cannot be read; check the name"
done

# The value of the first `name: value` in a text file, comments and quotes apart; empty when there is none.
value_of() {
  sed -n "s/^[^#]*\\b$1: *\"\\{0,1\\}\\([^\" #}]*\\).*/\\1/p" "$2" | head -n 1
}

results="$(value_of results_endpoint "$config")"
control="$(value_of control_endpoint "$config")"
results="${results:-tcp://127.0.0.1:7110}"
control="${control:-tcp://127.0.0.1:7111}"
port="$(value_of port "$config")"
dashboard="http://127.0.0.1:${port:-7180}/"

check_ports() {
  local address port_number
  for address in $(sed 's/#.*//' "$config" "$scenario" | grep -o 'tcp://127\.0\.0\.1:[0-9]*' | sort -u) \
    "$results" "$control" "${dashboard%/}"; do
    port_number="${address##*:}"
    if (exec 3<> "/dev/tcp/127.0.0.1/$port_number") 2> /dev/null; then
      fail 4 "port $port_number is in use: stop the program that listens there, or copy $config and $scenario, change\
 the port in both and give the copies with --config and --scenario"
    fi
  done
}

echo "== Packages"
"$root/config/install-packages.sh" build

echo "== Build (the first time takes some minutes)"
cd "$root"
cmake --preset release > /dev/null || fail 4 "the build could not be configured"
cmake --build --preset release --target glasswatchd glasswatch glasswatch-simulate || fail 4 "the build failed"
bin="$root/build/release/bin"

check_ports
logs="$(mktemp -d)"
daemon=""
simulator=""
monitor=""
stopped=no

# Ends one of our processes by its id and returns its exit code.
stop() {
  [ -n "$1" ] || return 0
  kill -INT "$1" 2> /dev/null || true
  local code=0
  wait "$1" || code=$?
  return "$code"
}

clean_up() {
  stop "$monitor" || true
  stop "$simulator" || true
  stop "$daemon" || true
  rm -rf -- "$logs"
}
trap clean_up EXIT
trap 'stopped=yes' INT TERM

ask() { "$bin/glasswatch" --control "$control" --timeout 2 "$@"; }

# Jobs get their own process groups, so that Ctrl-C reaches this script only and things end in order.
set -m

echo "== Daemon"
"$bin/glasswatchd" --config "$config" > "$logs/daemon" 2>&1 &
daemon=$!
for _ in $(seq 50); do
  kill -0 "$daemon" 2> /dev/null || break
  ask status > /dev/null 2>&1 && break
  sleep 0.2
done
if ! ask arm > /dev/null; then
  tail -n 20 "$logs/daemon" >&2
  fail 4 "glasswatchd does not answer at $control; its last lines are above"
fi

# The ramp program of the scenario lasts |stop - start| / rate; it is to fill four fifths of the time.
speed=20
if [ "$seconds" -gt 0 ]; then
  speed="$(awk -v start="$(value_of start_c "$scenario")" -v stop="$(value_of stop_c "$scenario")" \
    -v rate="$(value_of rate_k_per_min "$scenario")" -v seconds="$seconds" 'BEGIN {
      if (start == "") start = 50
      if (stop == "") stop = 500
      if (rate == "" || rate <= 0) rate = 20
      span = stop > start ? stop - start : start - stop
      printf "%.1f", span / rate * 60 / (0.8 * seconds) }')"
fi
echo "== Simulated microscope: the heating ramp runs $speed times faster than in reality"
echo "   Dashboard: $dashboard"
echo "   Trigger rules are armed. Ctrl-C ends the demonstration."

# Events, and about one frame a second.
thin_out() {
  local line count=0 every="${speed%.*}"
  [ "$every" -ge 1 ] || every=1
  while IFS= read -r line; do
    case "$line" in
      TRIGGER* | *latency* | *temperature*) ;;
      *) count=$((count + 1)); [ $((count % every)) -eq 0 ] || continue ;;
    esac
    printf '%s\n' "$line"
  done
}
"$bin/glasswatch" --results "$results" monitor > >(thin_out) &
monitor=$!
"$bin/glasswatch-simulate" "$scenario" --speed "$speed" --wait-subscriber 20 \
  > "$logs/sent" 2> >(tee "$logs/microscope" | sed -u 's/^/MICROSCOPE /' >&2) &
simulator=$!

if [ "$headless" = no ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open > /dev/null; then
  xdg-open "$dashboard" > /dev/null 2>&1 || echo "   No browser could be opened; open $dashboard yourself."
fi

begun=$SECONDS
while [ "$stopped" = no ] && kill -0 "$simulator" 2> /dev/null && kill -0 "$daemon" 2> /dev/null; do
  [ "$seconds" -eq 0 ] || [ $((SECONDS - begun)) -lt "$seconds" ] || break
  sleep 0.2 || true
done

code=0
stop "$simulator" || { code=4; echo "demo.sh: glasswatch-simulate failed" >&2; }
simulator=""
# What is still queued in the daemon belongs to the count.
for _ in $(seq 25); do
  status="$(ask status --json)" || { code=4; status=""; break; }
  [[ "$status" == *'"state":"ACQUIRING"'* ]] || break
  sleep 0.2
done
stop "$monitor" || true
monitor=""
stop "$daemon" || { code=4; tail -n 20 "$logs/daemon" >&2; echo "demo.sh: glasswatchd failed" >&2; }
daemon=""

# A counter of the status; of the camera, the first source, where there is one for each.
counter() {
  printf '%s' "$status" | grep -o "\"$1\": *\"\\{0,1\\}[0-9]*" | head -n 1 | grep -o '[0-9]*$' || echo 0
}
processed="$(counter processed)"
published="$(counter published)"
echo "== Summary"
echo "   microscope          $(grep '^sent' "$logs/sent" || echo "sent an unknown number of frames")"
echo "   frames processed    $processed (lost $(counter lost), dropped $(counter dropped_by_overflow))"
echo "   results published   $published"
echo "   trigger events      $(counter trigger_events) (failed commands $(counter commands_failed))"
echo "   microscope          carried out $(grep -c '^command:' "$logs/microscope" || true) command(s)"
if [ "$processed" -eq 0 ] || [ "$published" -eq 0 ]; then
  echo "demo.sh: no frame was processed or no result published; the daemon's last lines:" >&2
  tail -n 20 "$logs/daemon" >&2
  exit 4
fi
exit "$code"
