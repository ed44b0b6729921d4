"""`python -m bench [W1 W2 …] [--only floor|zenflow]`: measure, and print one table.

Every measurement has a fresh control plane of its own (tests/cluster, with a fake node whose Pods finish at once), so
that none pays for what another left behind.
"""

import argparse
import sys

from bench.measure import Result, measure
from bench.subjects import SUBJECTS
from bench.workloads import WORKLOADS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", help="all of them without any", metavar="WORKLOAD")
    parser.add_argument("--only", choices=[subject.name for subject in SUBJECTS])
    options = parser.parse_args()
    results = []
    for workload in WORKLOADS:
        if options.workloads and workload.name not in options.workloads:
            continue
        for subject in SUBJECTS:
            if options.only in (None, subject.name):
                print(f"{workload.name} {subject.name} …", file=sys.stderr, flush=True)
                results.append(measure(subject, workload))
    print(table(results))
    for result in results:
        print(f"\n{result.workload.name}, {result.subject}: requests\n")
        for call, count in result.calls.most_common():
            print(f"    {count:6}  {call.verb} {call.resource} {call.code}")


def table(results: list[Result]) -> str:
    """Markdown, as docs/performance.md shows it."""
    heads = ["workload", "", "requests a step", "CPU s per 1000 steps", "RSS peak MB", "p50 ms", "p99 ms", "wall s"]
    rows = [tuple(heads), ("---",) * len(heads), *(row(result) for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(result: Result) -> tuple[str, ...]:
    workload = result.workload
    return (
        f"{workload.name}: {workload.flows} × {workload.length}",
        result.subject,
        f"{result.requests_per_step:.2f}",
        f"{result.cpu_per_thousand:.1f}",
        f"{result.memory_peak / 1e6:.0f}",
        f"{result.percentile(50) * 1000:.1f}",
        f"{result.percentile(99) * 1000:.1f}",
        f"{result.wall:.1f}",
    )


if __name__ == "__main__":
    main()
