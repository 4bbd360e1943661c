"""A limit for a whole question over HTTP: `requests` counts its own anew at each byte that comes."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


def within(seconds: float, ask: Callable[[], _T]) -> _T:
    """Return the answer, and raise what `ask` raises; TimeoutError when there is none in time, and nobody waits for it any more."""
    found: SimpleQueue[tuple[_T] | Exception] = SimpleQueue()

    def asked() -> None:
        try:
            found.put((ask(),))
        except Exception as error:  # noqa: BLE001  (it is raised where it is waited for)
            found.put(error)

    Thread(target=asked, name="asked", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer[0]
