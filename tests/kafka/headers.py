"""Messages whose headers have names of any bytes, as the protocol allows and confluent-kafka does not: librdkafka itself sends them."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka as ck

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_END, _TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADERS = 0, 1, 3, 4, 7, 10
"""What may follow in the arguments of `rd_kafka_producev`."""
_PRODUCER, _COPY = 0, 2


def _library() -> ctypes.CDLL:
    packages = Path(ck.__file__).parents[1]
    found = ctypes.CDLL(str(next((packages / "confluent_kafka.libs").glob("librdkafka*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(found, name).restype = ctypes.c_void_p
    return found


def send(
    bootstrap: str, topic: str, partition: int, messages: Iterable[tuple[bytes, Sequence[tuple[bytes, bytes]]]]
) -> None:
    """Send messages: value and headers."""
    kafka, why = _library(), ctypes.create_string_buffer(500)
    settings = ctypes.c_void_p(kafka.rd_kafka_conf_new())
    kafka.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), why, 500)
    producer = ctypes.c_void_p(kafka.rd_kafka_new(_PRODUCER, settings, why, 500))
    try:
        for value, headers in messages:
            made = ctypes.c_void_p(kafka.rd_kafka_headers_new(ctypes.c_size_t(len(headers))))
            for name, data in headers:
                kafka.rd_kafka_header_add(made, name, ctypes.c_ssize_t(len(name)), data, ctypes.c_ssize_t(len(data)))
            failed = kafka.rd_kafka_producev(
                producer, ctypes.c_int(_TOPIC), topic.encode(), ctypes.c_int(_PARTITION), ctypes.c_int32(partition),
                ctypes.c_int(_VALUE), value, ctypes.c_size_t(len(value)), ctypes.c_int(_FLAGS), ctypes.c_int(_COPY),
                ctypes.c_int(_HEADERS), made, ctypes.c_int(_END),
            )  # fmt: skip
            assert failed == 0
        assert kafka.rd_kafka_flush(producer, 10_000) == 0
    finally:
        kafka.rd_kafka_destroy(producer)
