"""Prints what each fast kernel gains over its reference, measured in one run. Arguments: Google Benchmark JSON files."""
import json
import sys

for path in sys.argv[1:]:
    with open(path) as file:
        report = json.load(file)
    times = {run["name"]: (run["cpu_time"], run["time_unit"]) for run in report["benchmarks"]}
    print(f"{path}: {report['context']['num_cpus']} cores")
    print(f"{'kernel':<28}{'time':>14}{'reference':>14}{'ratio':>8}")
    for name, (time, unit) in times.items():
        if "_reference" in name:
            continue
        reference = times.get(name.replace("_fast", "_reference"))
        if reference is None or "_fast" not in name:
            print(f"{name:<28}{time:>11.3f} {unit}{'–':>14}{'–':>8}")
        else:
            print(f"{name:<28}{time:>11.3f} {unit}{reference[0]:>11.3f} {unit}{reference[0] / time:>8.0f}")
