"""What to do about an error of Kafka's, where it is known."""

from __future__ import annotations

import confluent_kafka as ck

_WAYS_OUT = {
    ck.KafkaError.MSG_SIZE_TOO_LARGE: "raise `max.message.bytes` of the topic",
    ck.KafkaError.RECORD_LIST_TOO_LARGE: "raise `segment.bytes` of the topic",
    ck.KafkaError.TOPIC_AUTHORIZATION_FAILED: "allow the island's user to write to the topic",
    ck.KafkaError.UNKNOWN_TOPIC_OR_PART: "make the topic again",
    ck.KafkaError._UNKNOWN_TOPIC: "make the topic again",  # noqa: SLF001
    ck.KafkaError._UNKNOWN_PARTITION: "make the topic again",  # noqa: SLF001
    ck.KafkaError.INVALID_TRANSACTION_TIMEOUT: "shorten `patience.transaction`, or raise `transaction.max.timeout.ms` of the broker",
    ck.KafkaError.INVALID_SESSION_TIMEOUT: "set `patience.session` between the broker's `group.min.session.timeout.ms` and `group.max.session.timeout.ms`",
}


def way_out(error: ck.KafkaError) -> str:
    """Return what to do about an error, behind a semicolon; nothing when it is not known."""
    known = _WAYS_OUT.get(error.code())
    return f"; {known}" if known else ""
