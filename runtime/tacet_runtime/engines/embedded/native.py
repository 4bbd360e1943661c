"""Functions over bytes and numbers, compiled to machine code when they are first called, and kept for later processes.

Numba's compiler comes as a wheel: no other tool is needed. What it compiles is Python, and runs as Python, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., object]")


def compiled(function: _F) -> _F:
    """Compile a function that takes NumPy arrays and numbers; it holds no lock while it runs."""
    try:
        made = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written to
        made = numba.njit(nogil=True)(function)
    return cast("_F", made)
