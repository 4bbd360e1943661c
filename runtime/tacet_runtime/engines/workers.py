"""Where blocks are computed: in this process, or in N others. Results come back in the order of the tasks."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from tacet_runtime.connectors.iceberg import open_catalog
from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import make_processor
from tacet_runtime.plan.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from tacet_runtime.batch import Processor
    from tacet_runtime.engines.run import Done, Options, Task
    from tacet_runtime.plan.model import Plan


class WorkerDied(Exception):  # noqa: N818
    """A worker process ended; nothing of the commit under way was written."""


_STATE: dict[str, Any] = {}


def _start(plan: bytes, options: Options, root: Path, warehouse: Path, snapshots: dict[str, str]) -> None:
    """Prepare a worker: its own engine over the same lookups, at the same snapshots."""
    decoded = decode(plan)
    lookups = load_lookups(
        decoded, root, open_catalog(warehouse), snapshots=snapshots, archive=warehouse / "lookups"
    )
    _STATE.update(plan=decoded, options=options, processor=make_processor(options.engine, decoded, lookups))


def _compute(task: Task) -> Done:
    from tacet_runtime.engines.run import compute  # noqa: PLC0415  (run imports this module)

    return compute(task, _STATE["plan"], _STATE["processor"], _STATE["options"].batch_rows)


class Pool:
    """Computes tasks. With one worker nothing is started, and blocks are computed here."""

    def __init__(
        self,
        workers: int,
        plan: Plan,
        options: Options,
        root: Path,
        warehouse: Path,
        snapshots: Mapping[str, str],
        processor: Processor | None,
    ) -> None:
        self._workers = workers
        self._plan = plan
        self._options = options
        self._processor = processor
        self._executor: ProcessPoolExecutor | None = None
        if processor is None:
            arguments = (encode(plan), options, root.absolute(), warehouse.absolute(), dict(snapshots))
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(workers, context, _start, arguments)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def computed(self, tasks: Iterator[Task]) -> Iterator[Done]:
        """Yield results in the order of the tasks; never more than two blocks a worker are on their way."""
        if self._executor is None:
            from tacet_runtime.engines.run import compute  # noqa: PLC0415  (run imports this module)

            for task in tasks:
                if self._processor is not None:
                    yield compute(task, self._plan, self._processor, self._options.batch_rows)
            return
        waiting: deque[Future[Done]] = deque()
        try:
            for task in tasks:
                waiting.append(self._executor.submit(_compute, task))
                if len(waiting) >= 2 * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerDied("a worker process ended; run the same command again") from error
