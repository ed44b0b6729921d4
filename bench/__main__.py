"""`python -m bench [W1 W2 …] [--only floor|zenflow] [--times N]`: measure, and print one table of medians.

Every measurement has a fresh control plane of its own (tests/cluster, with a fake node whose Pods finish at once), so
that none pays for what another left behind. Subjects take turns: a machine that gets busier does so for all.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bench.measure import Result, measure
from bench.subjects import SUBJECTS
from bench.workloads import WORKLOADS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", help="all of them without any", metavar="WORKLOAD")
    parser.add_argument("--only", choices=[subject.name for subject in SUBJECTS])
    parser.add_argument("--times", type=int, default=1, metavar="N", help="measure so often and show medians")
    options = parser.parse_args()
    results: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for workload in WORKLOADS:
        if options.workloads and workload.name not in options.workloads:
            continue
        for subject in SUBJECTS * options.times:
            if options.only in (None, subject.name):
                print(f"{workload.name} {subject.name} …", file=sys.stderr, flush=True)
                result = measure(subject, workload)
                print(*row([result]), file=sys.stderr, flush=True)
                results[workload.name, subject.name].append(result)
    print(table(results.values()))
    for *_, result in results.values():
        print(f"\n{result.workload.name}, {result.subject}: requests\n")
        for call, count in result.calls.most_common():
            print(f"    {count:6}  {call.verb} {call.resource} {call.code}")


def table(results: Iterable[Sequence[Result]]) -> str:
    """Markdown, as docs/performance.md shows it."""
    heads = ["workload", "", "requests a step", "CPU s per 1000 steps", "RSS peak MB", "p50 ms", "p99 ms", "wall s"]
    rows = [tuple(heads), ("---",) * len(heads), *(row(runs) for runs in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(runs: Sequence[Result]) -> tuple[str, ...]:
    """The medians of several runs of one subject on one workload."""

    def middle(value: Callable[[Result], float]) -> float:
        return median(map(value, runs))

    workload = runs[0].workload
    return (
        f"{workload.name}: {workload.flows} × {workload.length}",
        runs[0].subject,
        f"{middle(lambda run: run.requests_per_step):.2f}",
        f"{middle(lambda run: run.cpu_per_thousand):.1f}",
        f"{middle(lambda run: run.memory_peak) / 1e6:.0f}",
        f"{middle(lambda run: run.percentile(50)) * 1000:.1f}",
        f"{middle(lambda run: run.percentile(99)) * 1000:.1f}",
        f"{middle(lambda run: run.wall):.1f}",
    )


if __name__ == "__main__":
    main()
