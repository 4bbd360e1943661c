"""`make bench`: every ratio in one run, each in a process of its own, one after the other.

Times are CPU seconds, of the process and its children: they mean something on a machine that others load, too; wall
times are printed beside them. What is compared is measured back to back. Exit 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.contracts import command_cpu, write_contracts
from bench.events import DEMO, ONE, Shape, plan_of, repeated, write_events
from bench.report import Figure, stage_table, table, write
from bench.work import ROOT, Cost


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    distinct: int = 20_000
    times: int = 100
    """Two million messages: a job that runs for long, whose start is not most of it."""
    workers: int = 200
    """Four million for one process and for two: what a process needs before its first message is not the question."""
    naive: int = 4_000
    growth: tuple[int, int] = (5, 20)
    """Files of `distinct` messages, for time and memory by size."""
    contracts: tuple[int, int, int] = (100, 200, 400)
    limit_contracts: int = 1_000


LONG = Sizes(distinct=50_000, times=40, workers=80, naive=10_000, growth=(40, 400), contracts=(250, 500, 1_000))
TINY = Sizes(distinct=300, times=2, workers=2, naive=50, growth=(1, 3), contracts=(2, 4, 8))


def child(name: str, source: Path) -> Cost:
    """Measure one thing in a new process."""
    return _ended(_begun(name, source))


def together(name: str, source: Path) -> list[Cost]:
    """Measure one thing in two processes at the same time."""
    return [_ended(process) for process in [_begun(name, source), _begun(name, source)]]


def _begun(name: str, source: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.child", name, str(source)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)


def _ended(process: subprocess.Popen[bytes]) -> Cost:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with {process.returncode}")
    return Cost(**json.loads(said.splitlines()[-1]))


def each(cost: Cost) -> float:
    """Return microseconds of CPU a message."""
    return cost.cpu / cost.messages * 1e6


class Bench:
    """Measures, and says what it measured."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self._folder = folder
        self._sizes = sizes
        self.figures: list[Figure] = []
        self.stages: dict[str, float] = {}
        self.stage_text = ""

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)
        print(f"  {figure.name}: {figure.value:.3g} {figure.verdict}  ({figure.note})", file=sys.stderr, flush=True)

    def speed(self, shape: Shape, *, main: bool) -> None:
        """Compare the job with json_valid and the loops over the same bytes."""
        sizes = self._sizes
        name = "one" if main else "demo"
        file = self._folder / f"{name}.ndjson"
        write_events(plan_of(ROOT), ROOT, file, shape, sizes.distinct)
        source = repeated(file, self._folder / name, sizes.times)
        before, job, after = child("json_valid, long", file), child("job", source), child("json_valid, long", file)
        valid = (each(before) + each(after)) / 2
        rows = job.rows / job.messages
        size = file.stat().st_size / sizes.distinct
        note = (
            f"{size:.0f} bytes, {rows:.2f} rows a message; {each(job):.1f} us a message, {each(job) / rows:.1f} a row"
        )
        self.add(Figure(f"of json_valid, a core, {shape.name}", valid / each(job), 0.08 if main else None, note))
        if main:
            self._loops(file, each(job))
            self._stages(source, valid)
            self._workers(file)

    def _loops(self, file: Path, job: float) -> None:
        few = file.with_name("few.ndjson")
        few.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[: self._sizes.naive]))
        for name, source, bound in (("naive", few, 60.0), ("good", file, 3.0)):
            cost = child(name, source)
            self.add(
                Figure(
                    f"x the {name} loop",
                    each(cost) / job,
                    bound,
                    f"{each(cost):.0f} us a message, no Avro on either side",
                )
            )
            cost = child(f"{name}+avro", source)
            self.add(
                Figure(f"x the {name} loop that encodes Avro", each(cost) / job, None, f"{each(cost):.0f} us a message")
            )

        tiny = file.with_name("tiny.ndjson")
        tiny.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[: self._sizes.naive // 20]))
        cost = child("naive+validate", tiny)
        note = f"{each(cost):.0f} us a message: jsonschema.validate checks the schema each time, too"
        self.add(Figure("x the naive loop with the one-line validate", each(cost) / job, None, note))

    def _stages(self, source: Path, valid: float) -> None:
        cost = child("stages", source)
        self.stages = {**cost.stages, "the rest": max(0.0, cost.cpu - sum(cost.stages.values()))}
        self.stage_text = stage_table(self.stages, cost.messages, valid)

    def _workers(self, file: Path) -> None:
        source = repeated(file, self._folder / "many", self._sizes.workers)
        one, two = child("job", source), child("two", source)
        idle = (os.cpu_count() or 1) - os.getloadavg()[0]
        quiet = idle > 0.5
        note = f"wall {one.wall:.1f} s and {two.wall:.1f} s; CPU {one.cpu:.1f} s and {two.cpu:.1f} s"
        if quiet:
            self.add(Figure("two processes x one (wall)", one.wall / two.wall, 1.7, note))
        else:
            note += "; the machine is busy, so by CPU: two cores over the extra work"
            self.add(Figure("two processes x one (CPU)", 2 * one.cpu / two.cpu, 1.7, note))
        alone = child("json_valid, long", file)
        beside = together("json_valid, long", file)
        note = "what the machine gives two processes that share nothing"
        self.add(Figure("the same, of json_valid", 2 * alone.cpu / sum(cost.cpu for cost in beside) * 2, None, note))

    def growth(self) -> None:
        """Run few and many messages: the time of each further message, and the memory."""
        file = self._folder / "one.ndjson"
        few, many = (child("job", repeated(file, self._folder / f"grow{times}", times)) for times in self._sizes.growth)
        ratio = each(many) / each(few)
        note = f"{few.messages} messages {each(few):.1f} us each, {many.messages} messages {each(many):.1f} us each"
        self.add(Figure("time a message, many / few", ratio, 1.1, note, least=False))
        note = f"peak {few.peak:.0f} MiB and {many.peak:.0f} MiB"
        self.add(Figure("memory, many / few", many.peak / few.peak, 1.15, note, least=False))
        self.add(Figure("memory of a process, GiB", many.peak / 1024, 1.5, note, least=False))

    def compiler(self) -> None:
        """Time `check` and `build` on the reference application and on many contracts."""
        for arguments in (("check",), ("build", "--check")):
            self.add(
                Figure(
                    f"{' '.join(arguments)}, CPU s",
                    command_cpu(ROOT, *arguments),
                    3.0,
                    "the reference application",
                    least=False,
                )
            )
        costs = []
        for number in self._sizes.contracts:
            root = self._folder / f"contracts{number}"
            write_contracts(ROOT / "contracts", root, number)
            costs.append(command_cpu(root, "check") + command_cpu(root, "build"))
        _, middle, most = self._sizes.contracts
        slope = (costs[2] - costs[1]) / (most - middle)
        first = (costs[1] - costs[0]) / (middle - self._sizes.contracts[0])
        whole = costs[2] + slope * (self._sizes.limit_contracts - most)
        note = "; ".join(f"{n}: {c:.1f} s" for n, c in zip(self._sizes.contracts, costs, strict=True))
        how = "measured" if most == self._sizes.limit_contracts else "on the line of the last two"
        self.add(Figure("check and build of 1,000 contracts, CPU s", whole, 60.0, f"{how}; {note}", least=False))
        self.add(
            Figure(
                "growth of each further contract",
                slope / first,
                1.25,
                "slope of the second doubling over the first",
                least=False,
            )
        )


def run(folder: Path, out: Path, sizes: Sizes) -> list[Figure]:
    """Measure everything, print the tables and write the picture; return the figures."""
    bench = Bench(folder, sizes)
    load = os.getloadavg()[0]
    bench.speed(ONE, main=True)
    bench.speed(DEMO, main=False)
    bench.growth()
    bench.compiler()
    print(
        f"\n{table(bench.figures)}\n\n{bench.stage_text}\n\nload average {load:.1f} at the start, {os.cpu_count()} cores"
    )
    write(out, bench.figures, bench.stages, {"load": load, "cores": os.cpu_count()})
    print(f"{out}/bench.json {out}/bench.svg")
    return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--long", action="store_true", help="2 M and 20 M messages, 1,000 contracts: an hour")
    options = parser.parse_args()
    out = ROOT / "bench/out"
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=out))
    try:
        figures = run(folder, out, LONG if options.long else Sizes())
    finally:
        shutil.rmtree(folder)
    sys.exit(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    main()
