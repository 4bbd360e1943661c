"""Functions over bytes and numbers, compiled to machine code when they are first called, and kept for later processes.

Numba's compiler comes as a wheel: no other tool is needed. What is kept (`__pycache__/*.nb*`) is known by the module of the
function alone: who changes this file removes it.
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
_ALONE: dict[str, Any] = {"nogil": True, "_nrt": False}
"""No lock, and no counting of references to arrays, which took half of the time: what is compiled allocates nothing."""


def compiled(function: _F) -> _F:
    """Compile a function that takes NumPy arrays and numbers; it holds no lock while it runs."""
    try:
        made = numba.njit(cache=True, **_ALONE)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written to
        made = numba.njit(**_ALONE)(function)
    return cast("_F", made)


def part(function: _F) -> _F:
    """Make a function a part of the compiled ones that call it: there is no call in machine code."""
    return cast("_F", numba.njit(forceinline=True, **_ALONE)(function))


def _place(context: Any, builder: Any, signature: Any, arguments: Any, form: ir.Type) -> Any:
    """Return a pointer to what stands at a place of an array of bytes, which need not be aligned."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), form.as_pointer())


def _word(_: Any, array: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature, arguments, _EIGHT_BYTES), align=1)

    return types.uint64(array, at), code


def _put_word(_: Any, array: Any, at: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _place(context, builder, signature, arguments, _EIGHT_BYTES), align=1)
        return context.get_dummy_value()

    return types.void(array, at, value), code


def _marked(_: Any, array: Any, at: Any) -> Any:
    form = ir.VectorType(ir.IntType(8), WIDE)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.load(_place(context, builder, signature, arguments, form), align=1)
        quote, backslash, space = (ir.Constant(form, [byte] * WIDE) for byte in b'"\\ ')
        marks = builder.or_(builder.icmp_unsigned("==", found, quote), builder.icmp_unsigned("==", found, backslash))
        marks = builder.or_(marks, builder.icmp_signed("<", found, space))  # controls, and from 0x80 on
        return builder.zext(builder.bitcast(marks, ir.IntType(WIDE)), _EIGHT_BYTES)

    return types.uint64(array, at), code


def _newlines(_: Any, array: Any, at: Any) -> Any:
    form = ir.VectorType(ir.IntType(8), WIDE)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.load(_place(context, builder, signature, arguments, form), align=1)
        marks = builder.icmp_unsigned("==", found, ir.Constant(form, [ord("\n")] * WIDE))
        return builder.zext(builder.bitcast(marks, ir.IntType(WIDE)), _EIGHT_BYTES)

    return types.uint64(array, at), code


def _copy_wide(_: Any, array: Any, at: Any, source: Any, start: Any) -> Any:
    form = ir.VectorType(ir.IntType(8), WIDE)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[2])(context, builder, arguments[2]).data
        found = builder.load(builder.bitcast(builder.gep(data, [arguments[3]]), form.as_pointer()), align=1)
        builder.store(found, _place(context, builder, signature, arguments, form), align=1)
        return context.get_dummy_value()

    return types.void(array, at, source, start), code


def _lowest(_: Any, bits: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(bits), code


WIDE = 32
"""So many bytes `marked`, `newlines` and `copy_wide` look at."""
_EIGHT_BYTES = ir.IntType(64)
word = cast("Callable[[Any, int], Any]", intrinsic(_word))
"""The eight bytes at a place of an array of bytes, as a number (uint64, the first byte lowest). As below: compiled code only."""
put_word = cast("Callable[[Any, int, Any], None]", intrinsic(_put_word))
"""Writes a number (uint64) as the eight bytes at a place of an array of bytes."""
marked = cast("Callable[[Any, int], Any]", intrinsic(_marked))
"""Which of the 32 bytes at a place are quotes, backslashes, controls or not ASCII: a bit for each, the first lowest (uint64)."""
newlines = cast("Callable[[Any, int], Any]", intrinsic(_newlines))
"""Which of the 32 bytes at a place end a line: a bit for each, the first lowest (uint64)."""
copy_wide = cast("Callable[[Any, int, Any, int], None]", intrinsic(_copy_wide))
"""Writes, at a place of an array of bytes, the 32 bytes at a place of another one."""
lowest = cast("Callable[[Any], int]", intrinsic(_lowest))
"""The number of the lowest bit (of a uint64) that is set; undefined for 0."""
