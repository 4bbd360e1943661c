"""What the service counts, as Prometheus reads it. Names and units follow Prometheus' conventions (seconds, `_total`).

Labels come from the contracts alone: a producer or version that nobody registered is counted as `unregistered`, for a client can
send any text, and each text would be a series for ever.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics

from tacet_runtime.plan.versions import holds, version_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tacet_runtime.plan.model import Plan
    from tacet_runtime.service.observe import Committed

UNREGISTERED = "unregistered"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_VERSIONS = 200
"""Versions of one producer that get series of their own; a later one is `other`."""


class Exposition:
    """An `Observer` that counts. `text` may be called from another thread."""

    def __init__(self, plan: Plan) -> None:
        self._registry = CollectorRegistry()
        self._labels = _Labels(plan)
        job = {"job": plan.job}

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"tacet_{name}", what, ("job", *labels), registry=self._registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"tacet_{name}", what, ("job", *labels), registry=self._registry)

        def seconds(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"tacet_{name}", what, ("job", *labels), buckets=_SECONDS, registry=self._registry)

        self._job = plan.job
        self._messages = counter("messages", "Messages by what became of them, committed.", "outcome")
        self._rows = counter("rows", "Rows of messages by what became of them, committed.", "outcome")
        self._rejects = counter("rejects", "Records of the rejects table by kind.", "kind")
        self._filtered = counter("filtered_rows", "Rows dropped on purpose, by filter.", "filter")
        self._judged = counter("judged_rows", "Rows judged.", "event", "producer", "producer_version")
        self._verdicts = counter(
            "verdicts",
            "Missing or wrong values, by reason.",
            "event",
            "producer",
            "producer_version",
            "field",
            "verdict",
        )
        self._lag = gauge("lag_messages", "Messages of a partition that are not committed yet.", "partition")
        self._seq = gauge("commit_number", "Number of the last commit, in the topic and in the tables.", "where")
        self._last = gauge("last_commit_timestamp_seconds", "When the last commit was done.", "where")
        self._steps = seconds("step_seconds", "Seconds of a batch by step of the protocol.", "step")
        self._applied = seconds("table_commit_seconds", "Seconds to commit to all tables.")
        self._alarms = counter("alarms", "Times that something outside hindered the service.")
        self._starts = counter("starts", "Times that the service began or recovered.")
        self._lookups = gauge(
            "lookup_timestamp_seconds", "When the snapshot of a lookup that is used was taken.", "lookup"
        )
        for metric in (self._applied, self._alarms, self._starts):
            metric.labels(**job)

    def started(self, name: str, seq: int) -> None:
        """Count a start."""
        del name
        self._starts.labels(self._job).inc()
        self._seq.labels(self._job, "topic").set(seq)

    def committed(self, what: Committed) -> None:
        """Count a transaction."""
        counts = what.counts
        for outcome in ("emitted_parents", "rejected", "filtered", "skipped"):
            self._messages.labels(self._job, outcome.removesuffix("_parents")).inc(getattr(counts, outcome))
        for outcome in ("emitted", "rejected", "filtered"):
            self._rows.labels(self._job, outcome).inc(getattr(counts, f"{outcome}_rows"))
        for kind, number in counts.rejected_by.items():
            self._rejects.labels(self._job, kind).inc(number)
        for name, number in counts.filtered_by.items():
            self._filtered.labels(self._job, name).inc(number)
        for step, took in what.seconds.items():
            self._steps.labels(self._job, step).observe(took)
        self.idle(what.lag)
        self._at("topic", what.seq)
        self._count(what.metrics)

    def applied(self, seq: int, seconds: float) -> None:
        """Count a commit of all tables."""
        self._applied.labels(self._job).observe(seconds)
        self._at("tables", seq)

    def lookup(self, name: str, snapshot: str) -> None:
        """Set when a lookup changed."""
        del snapshot
        self._lookups.labels(self._job, name).set_to_current_time()

    def idle(self, lag: Mapping[int, int]) -> None:
        """Set the lag."""
        for partition, behind in lag.items():
            self._lag.labels(self._job, str(partition)).set(behind)

    def alarm(self, what: str) -> None:
        """Count an alarm."""
        del what
        self._alarms.labels(self._job).inc()

    def text(self, accept: str = "") -> tuple[str, bytes]:
        """Return everything with its content type: in the OpenMetrics format for who accepts that, else in Prometheus' own.

        Not the library's own choice, which fails at a version that is no number.
        """
        if "application/openmetrics-text" in accept.lower():
            return openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)

    def _at(self, where: str, seq: int) -> None:
        self._seq.labels(self._job, where).set(seq)
        self._last.labels(self._job, where).set(time.time())

    def _count(self, metrics: pa.Table) -> None:
        kinds = metrics.column("kind")
        wanted = pc.is_in(kinds, pc.cast(["rows", "verdict", "derived_verdict"], "string"))
        for row in metrics.filter(wanted).to_pylist():
            producer, version = self._labels.of(row["producer"], row["producer_version"])
            labels = (self._job, row["event"], producer, version)
            if row["kind"] == "rows":
                self._judged.labels(*labels).inc(row["rows"])
            else:
                self._verdicts.labels(*labels, row["field"], row["name"]).inc(row["rows"])


class _Labels:
    """Producers and versions, as labels that cannot grow without bound."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[str, set[str]] = {}

    def of(self, producer: str | None, version: str | None) -> tuple[str, str]:
        """Return the labels of a producer and its version."""
        source = self._plan.source
        ours = [r for r in source.registrations if r.producer == producer]
        if not ours or producer is None:
            return UNREGISTERED, UNREGISTERED
        versions = self._known.setdefault(producer, set())
        if version in versions:
            return producer, version
        key = version_key(version, source.scheme) if version is not None else None
        if version is None or key is None or not any(holds(r.bounds, key, source.scheme) for r in ours):
            return producer, UNREGISTERED
        if len(versions) >= _VERSIONS:
            return producer, "other"
        versions.add(version)
        return producer, version
