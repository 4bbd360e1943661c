"""A small part of the suite as a command, for a tree with a fault in it: prints what differs, and exits 1 then."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from tests.conformance.agreement import Agreement, texts_of
from tests.conformance.cases import CASES, compiled
from tests.conformance.gaps import Ledger
from tests.conformance.known import wrong_texts, wrong_verdicts
from tests.conformance.parents import wrong_parents, wrong_words
from tests.conformance.random_run import differences


def main(cases: str, seeds: str) -> list[str]:
    """Return what differs: by hand, in the cases named (`;` between; `parents` is no type), in the repositories of the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found = [*wrong_texts(root / "texts"), *wrong_verdicts(root / "verdicts")]
        if "parents" in cases.split(";"):
            found += [*wrong_parents(root / "parents"), *wrong_words(root / "words")]
        agreement = Agreement(Ledger())
        chosen = compiled(root / "cases", [case for case in CASES if case.name in cases.split(";")])
        for seed, one in enumerate(chosen):
            agreement.run(one, texts_of(one, seed, 0), root / "warehouse", 20)
        found += agreement.ledger.unknown
        for seed in filter(None, seeds.split(",")):
            found += differences(root / seed, int(seed), 300)
        return found


if __name__ == "__main__":
    try:
        differ = main(sys.argv[1], sys.argv[2])
    except Exception as error:  # noqa: BLE001  (an engine that breaks down is a difference, too)
        last = traceback.extract_tb(error.__traceback__)[-1]
        differ = [f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"]
    print("\n".join(differ[:5]))
    sys.exit(1 if differ else 0)
