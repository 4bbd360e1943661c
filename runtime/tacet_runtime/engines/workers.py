"""Where tasks are computed: in this process, or in N others. Results come back in the order of the tasks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Self

from tacet_runtime.connectors.lookups import load_lookups
from tacet_runtime.engines.processors import sized_processor
from tacet_runtime.engines.tasks import compute
from tacet_runtime.plan.codec import decode, encode
from tacet_runtime.process import steady

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from pyiceberg.catalog import Catalog

    from tacet_runtime.batch import Processor
    from tacet_runtime.engines.tasks import Done, Options, Task
    from tacet_runtime.plan.model import Plan, SinkTable


class WorkerDied(Exception):  # noqa: N818
    """A worker process ended; nothing of the commit under way was written."""


_STATE: dict[str, Any] = {}


def _start(plan: bytes, options: Options, root: Path, warehouse: Path, snapshots: dict[str, str]) -> None:
    """Prepare a worker: its own engine over the same lookups, at the same snapshots."""
    # Ctrl-C reaches every process of the terminal; only the one that commits may decide what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    steady()
    decoded = decode(plan)
    catalog = _catalog(decoded, warehouse)
    lookups = load_lookups(decoded, root, catalog, snapshots=snapshots, archive=warehouse / "lookups")
    tables = {table.role: table for table in decoded.tables}
    _STATE.update(tables=tables, options=options, processor=sized_processor(options.engine, decoded, lookups))


def _catalog(plan: Plan, warehouse: Path) -> Catalog | None:
    """Open the catalog for a worker that looks up in a table: its import is most of a worker's start."""
    lookups = plan.derived.lookups if plan.derived else ()
    if not any(lookup.source.kind == "iceberg" for lookup in lookups):
        return None
    from tacet_runtime.connectors.iceberg import open_catalog  # noqa: PLC0415

    return open_catalog(warehouse)


def _end_with_parent() -> None:
    """End when the process that commits does, however it ended: nobody would ever read what is computed here."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _compute(task: Task) -> Done:
    return compute(task, _STATE["tables"], _STATE["processor"], _STATE["options"])


class Pool:
    """Computes tasks. With one worker (`processor` given) nothing is started, and tasks are computed here."""

    def __init__(
        self,
        options: Options,
        plan: Plan,
        root: Path,
        warehouse: Path,
        snapshots: Mapping[str, str],
        processor: Processor | None,
    ) -> None:
        self._options = options
        self._tables: Mapping[str, SinkTable] = {table.role: table for table in plan.tables}
        self._processor = processor
        self._executor: ProcessPoolExecutor | None = None
        if processor is None:
            arguments = (encode(plan), options, root.absolute(), warehouse.absolute(), dict(snapshots))
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(options.workers, context, _start, arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def computed(self, tasks: Iterator[Task]) -> Iterator[Done]:
        """Yield results in the order of the tasks; never more than two tasks a worker are on their way."""
        if self._processor is not None:
            for task in tasks:
                yield compute(task, self._tables, self._processor, self._options)
        elif self._executor is not None:
            yield from self._elsewhere(tasks, self._executor)

    def _elsewhere(self, tasks: Iterator[Task], executor: ProcessPoolExecutor) -> Iterator[Done]:
        waiting: deque[Future[Done]] = deque()
        try:
            for task in tasks:
                waiting.append(executor.submit(_compute, task.light()))
                if len(waiting) >= 2 * self._options.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerDied("a worker process ended; run the same command again") from error
