"""Arrows never point back: which folder may include which, and what the numerical core must not name."""
import re
import unittest

from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
ALLOWED = {
    "protocol": {"protocol"},
    "analysis": {"analysis", "protocol/types"},
    "detectors": {"detectors", "protocol"},
    "simulators": {"simulators", "protocol", "detectors", "analysis/real_fft"},
    "daemon": {"daemon", "protocol", "detectors", "analysis"},
}
# Sockets, threads, files and clocks, by the headers that bring them.
IMPURE = re.compile(r"^(zmq|boost/asio|boost/beast|thread|mutex|condition_variable|future|atomic|chrono|ctime|time\.h|"
                    r"fstream|cstdio|stdio|filesystem|unistd|sys/|H5|google/protobuf|spdlog)")
THREADS = re.compile(r"std::(jthread|thread|async)\b")


def sources(folder):
    return sorted(path for path in (SOURCE / folder).rglob("*") if path.suffix in (".h", ".cc"))


def includes(path):
    """(line number, brackets or quotes, name) of every include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


class IncludeDirection(unittest.TestCase):
    def test_folders(self):
        wrong = []
        for folder, allowed in ALLOWED.items():
            self.assertTrue(sources(folder), folder)
            for path in sources(folder):
                for number, kind, name in includes(path):
                    if kind == '"' and not any(name.startswith(prefix + "/") or name.startswith(prefix + ".")
                                               for prefix in allowed):
                        wrong.append(f"{path.relative_to(SOURCE)}:{number}: {name}")
        self.assertEqual(wrong, [], "includes against the direction of the arrows")

    def test_value_types_need_nothing(self):
        wrong = [f"{path.relative_to(SOURCE)}:{number}: {name}" for path in sources("protocol/types")
                 for number, kind, name in includes(path) if kind == '"' and not name.startswith("protocol/types/")]
        self.assertEqual(wrong, [])

    def test_the_core_is_pure(self):
        wrong = [f"{path.relative_to(SOURCE)}:{number}: {name}" for folder in ("analysis", "daemon/pipeline")
                 for path in sources(folder) for number, kind, name in includes(path)
                 if kind == "<" and IMPURE.match(name)]
        self.assertEqual(wrong, [], "sockets, threads, files or clocks in the numerical core")

    def test_only_the_daemon_makes_threads(self):
        """Images of the virtual microscope apart: they are made beside its loop, and give the same bytes with any number."""
        images = ["simulators/camera/renderer.cc", "simulators/parallel.h", "simulators/simulate_main.cc"]
        wrong = [f"{path.relative_to(SOURCE)}" for folder in ("protocol", "analysis", "detectors", "simulators")
                 for path in sources(folder) if THREADS.search(path.read_text())]
        self.assertEqual(wrong, images)

    def test_the_scan_would_notice(self):
        """The patterns match what they are meant for."""
        self.assertTrue(IMPURE.match("chrono") and IMPURE.match("zmq.hpp") and IMPURE.match("boost/asio/io_context.hpp"))
        self.assertFalse(IMPURE.match("cmath") or IMPURE.match("fftw3.h") or IMPURE.match("vector"))
        self.assertTrue(THREADS.search("std::thread thread_;"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
