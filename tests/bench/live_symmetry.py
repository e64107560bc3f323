"""Patterns per second of the daemon and the offline analyser, on 36 patterns of 1024 x 1024 int16 that are played again
and again from memory, and the delay at the end of a scan. Needs the release programs in GLASSWATCH_BIN and the modules
generated from the schemas on PYTHONPATH; `tests/bench.sh` sets both. Prints a table; `--json FILE` keeps the figures."""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import zmq

from protocol.schema import results_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from processes import free_ports  # noqa: E402

BIN = Path(os.environ.get("GLASSWATCH_BIN", "build/release/bin"))
PATTERNS, SIZE, RING_PX = 36, 1024, 277
PATIENCE_S = 300

# What is computed of a pattern: the first ring, and all k.
RUNS = {
    "ring": "r_min_px: 180 r_max_px: 380 radial_bins: 90 azimuthal_bins: 360",
    "all k": "r_min_px: 10 r_max_px: 500 radial_bins: 100 azimuthal_bins: 360",
}


def write_patterns(path):
    """A broad ring on a falling background, Poisson noise, some electrons per pixel on the ring."""
    row, column = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    radius = np.hypot(row, column)
    mean = 200 * np.exp(-radius / 60) + 20 * np.exp(-0.5 * ((radius - RING_PX) / 25) ** 2) + 2
    random = np.random.default_rng(1)
    np.save(path, np.stack([random.poisson(mean) for _ in range(PATTERNS)]).astype("<i2"))


def configuration(symmetry, camera, results, control):
    center = (SIZE - 1) / 2
    return f"""
calibration {{ center_row_px: {center} center_col_px: {center} k_per_px_inv_nm: 0.0152 }}
symmetry {{ {symmetry} }}
acquisition {{ frame_period_s: 0.005 exposure_s: 0.004 }}
camera {{ kind: "ceta" endpoint: "{camera}" }}
service {{ results_endpoint: "{results}" control_endpoint: "{control}" status_period_s: 0.5 history_mib: 16 }}
"""


def read_bandwidth():
    """Bytes per second that all cores together read from memory, largest of five turns."""
    cores = os.cpu_count()
    memory = np.ones((cores, 48 << 20))  # 384 MiB each: beyond every cache
    best = 0
    for _ in range(5):
        threads = [threading.Thread(target=np.max, args=(part,)) for part in memory]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = max(best, memory.nbytes / (time.perf_counter() - begin))
    return best


def cpu_s(pid):
    """User and system time of the threads of a process, by name."""
    total = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        text = (task / "stat").read_text()
        name = text[text.index("(") + 1:text.rindex(")")]
        user, system = text[text.rindex(")") + 2:].split()[11:13]
        total[name] = total.get(name, 0) + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return total


class Daemon:
    """glasswatchd in the background, and a subscriber to its results."""

    def __init__(self, folder, symmetry, transport, arguments):
        camera, results, control = free_ports(3)
        self.camera = f"ipc://{folder}/camera" if transport == "ipc" else f"tcp://127.0.0.1:{camera}"
        results = f"tcp://127.0.0.1:{results}"
        path = folder / "daemon.textproto"
        path.write_text(configuration(symmetry, self.camera, results, f"tcp://127.0.0.1:{control}"))
        self._log = folder / "daemon.log"
        self.process = subprocess.Popen([BIN / "glasswatchd", "--config", path, *arguments], stderr=self._log.open("w"))
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        for topic in ("frame", "series", "map", "status"):
            self._socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        self._socket.connect(results)
        self.until("status")  # connected

    def until(self, topic, condition=lambda message: True):
        """Messages as (UTC ns of arrival, topic, bytes), up to one of this topic that fulfils the condition. All others
        are read later: reading takes time from the daemon."""
        messages = []
        while self._socket.poll(PATIENCE_S * 1000):
            parts = self._socket.recv_multipart()
            messages.append((time.time_ns(), parts[0].decode(), parts[1]))
            if messages[-1][1] == topic and condition(parse(messages[-1])):
                return messages
        raise TimeoutError(f"no {topic} from the daemon:\n{self._log.read_text()}")

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def stop(self):
        self._socket.close(0)
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def parse(message):
    return results_pb2.ResultMessage.FromString(message[2])


def play(folder, symmetry, transport, daemon_arguments, replay_arguments):
    """Plays through a daemon; returns what arrived and what it took."""
    daemon = Daemon(folder, symmetry, transport, daemon_arguments)
    try:
        before = cpu_s(daemon.process.pid)
        sender_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        sender = subprocess.Popen([BIN / "glasswatch-replay", folder / "patterns.npy", "--preload", "--camera-endpoint",
                                   daemon.camera, "--config", folder / "daemon.textproto", *replay_arguments],
                                  stdout=subprocess.DEVNULL)
        messages = daemon.until("series", lambda message: message.series.HasField("end"))
        after = cpu_s(daemon.process.pid)
        status = parse(daemon.until("status", lambda message: message.status.state == results_pb2.IDLE)[-1]).status
        if sender.wait(PATIENCE_S) != 0:
            raise RuntimeError("glasswatch-replay failed")
        sender_after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken = lambda usage: usage.ru_utime + usage.ru_stime
        return {
            "messages": messages,
            "status": status,
            "daemon_cpu_s": {name: seconds - before.get(name, 0) for name, seconds in after.items()},
            "sender_cpu_s": taken(sender_after) - taken(sender_before),
            "daemon_peak_mib": daemon.peak_mib(),
        }
    finally:
        daemon.stop()


def require_all(run, count):
    """Every frame has its result, once and in order, and no counter says otherwise."""
    camera = run["status"].sources[0]
    lost = {name: getattr(camera, name) for name in ("lost", "dropped_by_overflow", "late", "duplicate")}
    sequences = [parse(message).frame.sequence for message in run["messages"] if message[1] == "frame"]
    if sequences != list(range(count)) or any(lost.values()) or run["status"].publish_dropped:
        sys.exit(f"results are missing: {len(sequences)} of {count} arrived, {lost}, publish_dropped "
                 f"{run['status'].publish_dropped}")


def live(folder, symmetry, transport, arguments, turns):
    count = turns * PATTERNS
    run = play(folder, symmetry, transport, arguments, ["--repeat", str(turns), "--speed", "max"])
    require_all(run, count)
    arrivals = [message[0] for message in run["messages"] if message[1] == "frame"]
    return {
        "patterns_per_s": (count - 1) / (arrivals[-1] - arrivals[0]) * 1e9,
        "daemon_cpu_ms_per_pattern": 1e3 * sum(run["daemon_cpu_s"].values()) / count,
        "sender_cpu_ms_per_pattern": 1e3 * run["sender_cpu_s"] / count,
        "daemon_peak_mib": run["daemon_peak_mib"],
        "daemon_cpu_s_by_thread": run["daemon_cpu_s"],
    }


def scan(folder, symmetry, transport, arguments):
    """A scan at a steady 200 patterns/s; how long after the last pattern its result and the whole map are there."""
    side, rate = 83, 200
    turns = -(-side * side // PATTERNS)
    run = play(folder, symmetry, transport, arguments,
               ["--repeat", str(turns), "--frame-period-s", str(1 / rate), "--scan", f"{side}x{side}"])
    require_all(run, side * side)
    frames = [message for message in run["messages"] if message[1] == "frame"]
    received_ns = parse(frames[-1]).frame.received_utc_ns
    maps = [message for message in run["messages"] if message[1] == "map" and parse(message).map.complete]
    return {
        "patterns_per_s": (len(frames) - 1) / (frames[-1][0] - frames[0][0]) * 1e9,
        "last_result_ms": (frames[-1][0] - received_ns) * 1e-6,
        "whole_map_ms": (maps[0][0] - received_ns) * 1e-6 if maps else None,
        "daemon_peak_mib": run["daemon_peak_mib"],
    }


def offline(folder, symmetry, arguments, turns):
    """Time of many turns minus that of few: without operator and result file."""
    path = folder / "analyze.textproto"
    path.write_text(configuration(symmetry, "tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"))

    def seconds(repeat):
        begin = time.perf_counter()
        subprocess.run([BIN / "glasswatch-analyze", "--config", path, folder / "patterns.npy", "--repeat", str(repeat),
                        "--output", folder / "out.h5", *arguments], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    few = max(1, turns // 10)
    return {"patterns_per_s": (turns - few) * PATTERNS / (seconds(turns) - seconds(few))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--turns", type=int, default=84, help="of the 36 patterns; 84 are 3024 patterns")
    parser.add_argument("--transport", choices=["tcp", "ipc"], default="tcp")
    parser.add_argument("--threads", help="of daemon and analyser; default: theirs")
    parser.add_argument("--only", choices=["live", "offline", "scan"])
    options = parser.parse_args()
    arguments = ["--threads", options.threads] if options.threads else []
    report = {"cores": os.cpu_count(), "transport": options.transport, "read_bandwidth_gb_per_s": read_bandwidth() / 1e9}
    with tempfile.TemporaryDirectory(prefix="glasswatch-bench-") as name:
        folder = Path(name)
        write_patterns(folder / "patterns.npy")
        for kind, symmetry in RUNS.items():
            if options.only in (None, "offline"):
                report[f"offline, {kind}"] = offline(folder, symmetry, arguments, options.turns)
            if options.only in (None, "live"):
                report[f"live, {kind}"] = live(folder, symmetry, options.transport, arguments, options.turns)
        if options.only in (None, "scan"):
            report["scan"] = scan(folder, RUNS["ring"], options.transport, arguments)
    show(report)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def show(report):
    bandwidth = report["read_bandwidth_gb_per_s"]
    print(f"{report['cores']} cores, {report['transport']}, memory reads {bandwidth:.1f} GB/s")
    print(f"{'patterns of 1024 x 1024 int16':<30}{'per s':>8}{'bandwidth':>11}{'daemon':>11}{'sender':>11}{'memory':>10}")
    for name, run in report.items():
        if not isinstance(run, dict):
            continue
        share = run["patterns_per_s"] * 2 * SIZE * SIZE / (bandwidth * 1e9)
        line = f"{name:<30}{run['patterns_per_s']:>8.0f}{share:>10.1%} "
        for cost in ("daemon_cpu_ms_per_pattern", "sender_cpu_ms_per_pattern"):
            line += f"{run[cost]:>7.2f} ms " if cost in run else f"{'–':>10} "
        print(line + (f"{run['daemon_peak_mib']:>6.0f} MiB" if "daemon_peak_mib" in run else ""))
    if "scan" in report:
        whole = report["scan"]["whole_map_ms"]
        print(f"scan of 83 x 83: last result {report['scan']['last_result_ms']:.1f} ms after its pattern, whole map "
              + ("not published" if whole is None else f"{whole:.1f} ms"))


if __name__ == "__main__":
    main()
