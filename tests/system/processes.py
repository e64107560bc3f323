"""Starts the programs of a build and speaks to them, for the process-level tests. Deadlines everywhere, no sleeps to
hope on. The build's program folder is the environment variable GLASSWATCH_BIN."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

BIN = Path(os.environ.get("GLASSWATCH_BIN", ""))
SHARED = Path(os.environ.get("GLASSWATCH_SHARED", ""))
SOURCE = Path(__file__).resolve().parents[2]
PATIENCE_S = float(os.environ.get("GLASSWATCH_PATIENCE_S", "60"))  # generous: sanitizers are slow, machines are busy


CLAIMED = []  # ports of this test process, each with the socket that claims it


def free_ports(count):
    """Ports that nobody else takes before this test does: below the range that systems give to outgoing connections,
    free now, and claimed among test processes by a name that vanishes with its holder."""
    ports = []
    for port in random.sample(range(15_000, 30_000), 1000):
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0glasswatch-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        CLAIMED.append(claim)
        ports.append(port)
        if len(ports) == count:
            return ports
    raise AssertionError("no free port between 15000 and 30000")


class Addresses:
    """One set of addresses for daemon, source and client."""

    def __init__(self):
        camera, environment, control, results, service, self.dashboard = free_ports(6)
        self.camera = f"tcp://127.0.0.1:{camera}"
        self.environment = f"tcp://127.0.0.1:{environment}"
        self.microscope = f"tcp://127.0.0.1:{control}"
        self.results = f"tcp://127.0.0.1:{results}"
        self.service = f"tcp://127.0.0.1:{service}"

    def configuration(self):
        """The sections of a daemon configuration that hold addresses."""
        return f"""
camera {{ kind: "ceta" endpoint: "{self.camera}" }}
environment {{ kind: "axon" endpoint: "{self.environment}" }}
microscope {{ endpoint: "{self.microscope}" }}
service {{ results_endpoint: "{self.results}" control_endpoint: "{self.service}" status_period_s: 0.1 }}
dashboard {{ port: {self.dashboard} }}
"""


def run(program, *arguments, **options):
    """Runs a program to its end; returns the CompletedProcess with texts."""
    return subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S * 2,
                          **options)


class Process:
    """A program in the background. Its standard error is kept for the report of a failing test."""

    def __init__(self, program, *arguments):
        self.program = program
        self._errors = tempfile.NamedTemporaryFile("w+", prefix=program)
        self._process = subprocess.Popen([BIN / program, *map(str, arguments)], stdout=subprocess.PIPE,
                                         stderr=self._errors, text=True)
        self.lines = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

    def errors(self):
        return Path(self._errors.name).read_text(errors="replace")

    def running(self):
        return self._process.poll() is None

    def ended(self):
        return not self.running()

    def wait(self, seconds=None):
        """Waits for the end; returns the exit code."""
        code = self._process.wait(seconds or PATIENCE_S * 2)
        self._reader.join(PATIENCE_S)
        return code

    def stop(self, kind=signal.SIGINT):
        """Asks the program to end and returns its exit code."""
        if self.running():
            self._process.send_signal(kind)
        try:
            return self.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"{self.program} did not stop; its errors:\n{self.errors()}")

    def kill(self):
        if self.running():
            self._process.kill()
        self._process.wait(PATIENCE_S)

    def wait_line(self, condition, what):
        """The first line of standard output that fulfils the condition."""
        deadline = time.monotonic() + PATIENCE_S
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    seen += 1
                    if condition(line):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not (self._reader.is_alive() or seen < len(self.lines)):
                    raise AssertionError(f"{self.program}: no {what}; errors:\n{self.errors()}")
                self._changed.wait(left)


class Monitor(Process):
    """`glasswatch monitor --json`: every result message as a dictionary."""

    def __init__(self, addresses):
        super().__init__("glasswatch", "--results", addresses.results, "monitor", "--json", "--maps")

    def messages(self, kind):
        with self._changed:
            lines = list(self.lines)
        return [message[kind] for message in map(json.loads, lines) if kind in message]

    def frames(self):
        """Frame results in the order of arrival."""
        return self.messages("frame")

    def wait_message(self, kind, condition=lambda _: True, what="message"):
        line = self.wait_line(lambda text: kind in (message := json.loads(text)) and condition(message[kind]), what)
        return json.loads(line)[kind]

    def wait_end_of_series(self):
        return self.wait_message("series", lambda series: "end" in series, "end of series")


class SystemTest(unittest.TestCase):
    """Keeps track of processes, so that a failing test leaves none behind."""

    def setUp(self):
        self._processes = []
        self._folder = tempfile.TemporaryDirectory(prefix="glasswatch-test-")
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)
        self.addCleanup(lambda: [process.kill() for process in self._processes])
        self.addresses = Addresses()

    def start(self, program, *arguments):
        process = Process(program, *arguments)
        self._processes.append(process)
        return process

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start_daemon(self, configuration):
        """glasswatchd with this configuration; returns when it answers."""
        daemon = self.start("glasswatchd", "--config", self.write("daemon.textproto", configuration))
        self.wait_status(lambda _: True, daemon)
        return daemon

    def start_monitor(self):
        """A monitor that is known to be connected."""
        monitor = Monitor(self.addresses)
        self._processes.append(monitor)
        monitor.wait_message("status", what="first status")
        return monitor

    def status(self):
        done = run("glasswatch", "--control", self.addresses.service, "--timeout", 2, "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait_status(self, condition, *processes):
        """Polls the daemon's status until the condition holds; returns it."""
        deadline = time.monotonic() + PATIENCE_S
        status = None
        while time.monotonic() < deadline:
            status = self.status()
            if status is not None and condition(status):
                return status
            for process in processes:
                self.assertTrue(process.running(), f"{process.program} ended; errors:\n{process.errors()}")
        self.fail(f"the status did not become as expected; last: {json.dumps(status, indent=1)}\n"
                  + "\n".join(process.errors() for process in processes))

    def command(self, *arguments):
        return run("glasswatch", "--control", self.addresses.service, *arguments)

    @staticmethod
    def source(status, name):
        return next(source for source in status["sources"] if source["name"] == name)


def main():
    if not (BIN / "glasswatchd").exists():
        sys.exit("set GLASSWATCH_BIN to the folder of the programs")
    unittest.main(verbosity=2)
