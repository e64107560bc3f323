"""Dynamics live at the paper's size: the scenario ecm-hold, its 5 s per frame played faster, through glasswatchd. Prints how
far behind the frames the maps are, what processor time and memory they take, and what was lost. Needs the release
programs in GLASSWATCH_BIN and the modules generated from the schemas on PYTHONPATH. Takes 18 minutes, so that
`tests/bench.sh` leaves it out.
    live_dynamics.py [--frames 2170] [--speed 10] [--json FILE]"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zmq

from protocol.schema import results_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from processes import BIN, SOURCE, free_ports  # noqa: E402

PATIENCE_S = 600


def cpu_s(pid):
    text = Path(f"/proc/{pid}/stat").read_text()
    user, system = text[text.rindex(")") + 2:].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, name):
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=2170)
    parser.add_argument("--speed", default="10")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="glasswatch-bench-") as name:
        folder = Path(name)
        camera, environment, control, results, service, dashboard = (f"tcp://127.0.0.1:{p}" for p in free_ports(6))
        text = (SOURCE / "config/dynamics.textproto").read_text()
        text = text.replace("tcp://127.0.0.1:7101", camera).replace("tcp://127.0.0.1:7102", environment)
        text += f'service {{ results_endpoint: "{results}" control_endpoint: "{service}" }}\n'
        text += f'dashboard {{ port: {dashboard.rsplit(":", 1)[1]} }}\n'
        (folder / "daemon.textproto").write_text(text)
        log = (folder / "daemon.log").open("w")
        daemon = subprocess.Popen([BIN / "glasswatchd", "--config", folder / "daemon.textproto"], stderr=log)
        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, 0)
        for topic in ("frame", "series", "dynamics", "status", "snapshot"):
            socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        socket.connect(results)
        simulator = subprocess.Popen(
            [BIN / "glasswatch-simulate", SOURCE / "config/scenarios/ecm-hold.textproto", "--speed", options.speed,
             "--frames", str(options.frames), "--camera-endpoint", camera, "--environment-endpoint", environment,
             "--control-endpoint", control, "--wait-subscriber", "120"], stdout=subprocess.DEVNULL)
        idle_mib = memory_mib(daemon.pid, "VmRSS")
        announced_mib, began, ended = 0, None, None
        frame_at, behind_s, refreshed = {}, [], set()
        last = status = None
        while True:
            if not socket.poll(PATIENCE_S * 1000):
                sys.exit(f"nothing from the daemon:\n{(folder / 'daemon.log').read_text()}")
            message = results_pb2.ResultMessage.FromString(socket.recv_multipart()[1])
            now = time.monotonic()
            if message.HasField("setup"):
                announced_mib = max(announced_mib, message.setup.ecm_memory_mib)
            elif message.HasField("frame") and not message.repeated:
                frame_at[message.frame.sequence] = now
                if began is None:
                    began = now, cpu_s(daemon.pid)
                ended = now, cpu_s(daemon.pid)
            elif message.HasField("dynamics") and not message.repeated:
                last = message.dynamics
                if last.final:
                    break
                refreshed.add(last.sequence)
                behind_s.append(now - frame_at.get(last.sequence, now))
            elif message.HasField("status"):
                status = message.status
        wall, used = ended[0] - began[0], ended[1] - began[1]
        final_s = time.monotonic() - ended[0]
        peak_mib = memory_mib(daemon.pid, "VmHWM")
        daemon.terminate()
        simulator.wait()
        daemon.wait()
    source = status.sources[0]
    figures = {
        "frames": len(frame_at), "refreshed_after": len(refreshed), "frame_period_s": wall / max(1, len(frame_at) - 1),
        "behind_median_s": float(np.median(behind_s)), "behind_most_s": float(np.max(behind_s)),
        "cpu_share_of_all_cores": used / wall / os.cpu_count(), "announced_mib": announced_mib, "idle_mib": idle_mib,
        "peak_mib": peak_mib, "final_fit_s": final_s,
        "lost": source.lost + source.dropped_by_overflow, "publish_dropped": status.publish_dropped,
        "tau_s": last.field.tau_s, "tau_sigma_s": last.field.tau_sigma_s, "beta": last.field.beta,
        "heterogeneity_p": last.heterogeneity.p_value, "fraction_above": last.histogram.fraction_above,
        "null_fraction_above": last.null_histogram.fraction_above,
        "regions": {curve.name: curve.tau_s for curve in last.regions},
    }
    for name, value in figures.items():
        print(f"{name:24} {value:.4g}" if isinstance(value, float) else f"{name:24} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
