"""Contracts -> artefacts: compile every job, ask every target, write or compare. Nothing here knows a target's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tacet_codegen.ir.lower import lower
from tacet_codegen.targets.duckdb import statements

if TYPE_CHECKING:
    from tacet_codegen.ir.model import Job, Lock
    from tacet_runtime.plan.model import Plan


def compile_plan(job: Job, lock: Lock) -> Plan:
    """Return the job's plan with the embedded engine's statements."""
    plan = lower(job, lock)
    return replace(plan, sql=statements(plan))
