"""A clock at every stage of the embedded job: its own functions, wrapped; a stage's time is without the stages inside."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINE = "tacet_runtime.engines.embedded"
STAGES: tuple[tuple[str, str, str], ...] = (
    ("read, digest", "tacet_runtime.engines.run", "blocks"),
    ("cut into messages", "tacet_runtime.engines.tasks", "batches"),
    ("scan (strict JSON)", f"{ENGINE}.scanner", "Scanner.scan"),
    ("convert to columns", f"{ENGINE}.columns", "Scanned.columns"),
    ("type, test (SQL)", f"{ENGINE}.rows", "Decoder.decode"),
    ("shapes", f"{ENGINE}.shapes", "Shapes.of"),
    ("judge", f"{ENGINE}.judging", "Judging.kinds"),
    ("derive, join (SQL)", f"{ENGINE}.judging", "Judging.ends"),
    ("put tables together", f"{ENGINE}.emit", "Emit.tables"),
    ("account", f"{ENGINE}.emit", "Emit.count"),
    ("metrics", f"{ENGINE}.processor", "measured"),
    ("merge metrics", f"{ENGINE}.processor", "merged"),
    ("strict path (reference)", f"{ENGINE}.processor", "EmbeddedProcessor._strict"),
    ("parquet", "tacet_runtime.engines.tasks", "write_files"),
    ("commit", "tacet_runtime.exactly_once", "Warehouse.commit"),
    ("open tables", "tacet_runtime.exactly_once", "Warehouse.open"),
    ("lookups", "tacet_runtime.engines.run", "load_lookups"),
)


class _Clock:
    """CPU seconds by stage; the innermost stage that is running gets them."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {name: 0.0 for name, _, _ in STAGES}
        self._running: list[str] = []
        self._since = time.process_time()

    def _book(self) -> None:
        now = time.process_time()
        if self._running:
            self.spent[self._running[-1]] += now - self._since
        self._since = now

    def enter(self, name: str) -> None:
        self._book()
        self._running.append(name)

    def leave(self) -> None:
        self._book()
        self._running.pop()


def _timed(function: Callable[..., Any], name: str, clock: _Clock) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        clock.enter(name)
        try:
            found = function(*args, **kwargs)
        finally:
            clock.leave()
        return _each(found, name, clock) if hasattr(found, "__next__") else found

    return run


def _each(values: Iterator[Any], name: str, clock: _Clock) -> Iterator[Any]:
    while True:
        clock.enter(name)
        try:
            value = next(values)
        except StopIteration:
            return
        finally:
            clock.leave()
        yield value


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Give the stages clocks; the dictionary is complete when the block ends."""
    clock = _Clock()
    kept = []
    for name, module, path in STAGES:
        owner: Any = import_module(module)
        *parents, attribute = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        kept.append((owner, attribute, getattr(owner, attribute)))
        setattr(owner, attribute, _timed(getattr(owner, attribute), name, clock))
    try:
        yield clock.spent
    finally:
        for owner, attribute, function in kept:
            setattr(owner, attribute, function)
