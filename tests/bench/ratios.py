"""Prints what each fast kernel gains over its reference, how many patterns it takes per second, and how much of the memory's
read bandwidth it uses, all measured in one run. Arguments: Google Benchmark JSON files."""
import json
import re
import sys


def read_bandwidth(runs, name):
    """That of the same number of lanes; one where the benchmark has none."""
    lanes = re.search(r"/lanes:\d+", name)
    run = runs.get(f"memory_read{lanes.group() if lanes else '/lanes:1'}/real_time")
    return run["bytes_per_second"] if run else None


def columns(name, runs):
    run = runs[name]
    time = run["real_time" if name.endswith("/real_time") else "cpu_time"]
    reference = runs.get(name.replace("_fast", "_reference")) if "_fast" in name else None
    bandwidth = read_bandwidth(runs, name) if "bytes_per_second" in run else None
    yield f"{name.removesuffix('/real_time'):<40}{time:>11.3f} {run['time_unit']}"
    yield f"{reference['cpu_time']:>11.3f} {run['time_unit']}{reference['cpu_time'] / time:>8.0f}" if reference else f"{'–':>14}{'–':>8}"
    yield f"{run['patterns/s']:>12.0f}" if "patterns/s" in run else f"{'–':>12}"
    yield f"{run['bytes_per_second'] / 1e9:>9.1f}" if "bytes_per_second" in run else f"{'–':>9}"
    yield f"{100 * run['bytes_per_second'] / bandwidth:>9.0f} %" if bandwidth else f"{'–':>11}"


for path in sys.argv[1:]:
    with open(path) as file:
        report = json.load(file)
    runs = {run["name"]: run for run in report["benchmarks"]}
    print(f"{path}: {report['context']['num_cpus']} cores")
    print(f"{'kernel':<40}{'time':>14}{'reference':>14}{'ratio':>8}{'patterns/s':>12}{'GB/s':>9}{'of memory':>11}")
    for name in runs:
        if "_reference" not in name:
            print("".join(columns(name, runs)))
