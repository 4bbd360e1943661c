"""Functions over bytes and numbers, compiled to machine code when they are first called, and kept for later processes.

Numba's compiler comes as a wheel: no other tool is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

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


def _word(_: Any, array: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.gep(data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, at), code


word = cast("Callable[[Any, int], Any]", intrinsic(_word))
"""The eight bytes at a place of an array of bytes, which need not be aligned, as a number (uint64); compiled code only."""
