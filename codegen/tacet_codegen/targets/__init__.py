"""TARGETS: meaning -> text, one visible tuple. Adding a target is one new module and one line here."""

from __future__ import annotations

from tacet_codegen.targets.avro import emit as avro
from tacet_codegen.targets.base import CONTRACT, NAME, Artifact, Compilation, Target
from tacet_codegen.targets.docs import emit as docs
from tacet_codegen.targets.flink.ddl import emit as flink
from tacet_codegen.targets.iceberg import emit as iceberg
from tacet_codegen.targets.jsonschema import emit as jsonschema
from tacet_codegen.targets.lineage import emit as lineage
from tacet_codegen.targets.models import emit as models
from tacet_codegen.targets.plan import emit as plan
from tacet_codegen.targets.sql import emit as sql

TARGETS: tuple[Target, ...] = (
    Target(
        "python",
        "typed models and validators",
        models,
        rf"tacet_models/{NAME}/({NAME}_[0-9]+_[0-9]+_[0-9]+|__init__)[.]py",
    ),
    Target("jsonschema", "what a producer may send", jsonschema, rf"{CONTRACT}[.]json"),
    Target("avro", "rows on a topic", avro, rf"{CONTRACT}[.]avsc"),
    Target("iceberg", "schema, partition and sort of every table", iceberg, rf"{NAME}([.]{NAME})+[.]json"),
    Target("flink", "row types, tables and the derivation in Flink SQL", flink, rf"{CONTRACT}[.]sql"),
    Target("duckdb", "the embedded engine's statements", sql, rf"{NAME}[.]{NAME}/(select|rows|derive)[.]sql"),
    Target("plan", "the job as data", plan, rf"{NAME}[.]{NAME}[.]json"),
    Target("docs", "pages for people", docs, rf"{CONTRACT}[.]md"),
    Target("lineage", "column lineage for OpenLineage", lineage, rf"{CONTRACT}[.]json"),
)

__all__ = ["TARGETS", "Artifact", "Compilation", "Target"]
