"""Messages laid into a room: any values, any partitions; and one array of their pieces is not copied again."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from tacet_runtime.batch import Batch
from tacet_runtime.connectors.blocks import in_room
from tacet_runtime.engines.embedded.parts import Parts


def batch(partition, messages):
    return Batch("t", partition, pa.array(np.arange(len(messages))), messages)


def test_messages_are_what_they_were_also_none_and_empty_ones_and_a_room_that_is_in_use_is_not_written_over():
    drawn = random.Random(3)
    kept = []
    for _ in range(40):
        values = [drawn.choice((None, b"", drawn.randbytes(drawn.randrange(40)))) for _ in range(drawn.randrange(9))]
        kept.append((values, in_room(values)))
        if drawn.random() < 0.5:
            kept.pop(drawn.randrange(len(kept)))
        for wanted, found in kept:
            found.validate(full=True)
            assert found.to_pylist() == wanted


def test_pieces_of_one_array_are_one_again_without_a_copy_and_others_are_joined():
    whole = in_room([b"a", None, b"ccc", b"", b"ee"])
    pieces = [whole.slice(1, 2), whole.slice(3, 0), whole.slice(3, 2)]
    again = Parts([batch(number, piece) for number, piece in enumerate(pieces)]).messages
    assert again.to_pylist() == [None, b"ccc", b"", b"ee"]
    assert again.buffers()[2].address == whole.buffers()[2].address
    for others in (
        [whole.slice(0, 1), whole.slice(2, 3)],
        [whole.slice(2, 1), in_room([b"x"])],
        [pieces[2], pieces[0]],
    ):
        wanted = [value for part in others for value in part.to_pylist()]
        assert Parts([batch(number, part) for number, part in enumerate(others)]).messages.to_pylist() == wanted
