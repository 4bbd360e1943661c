"""docs/diagnostics.md, written from the tables and from the test cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacet_codegen.rules import RULES
from tacet_codegen.rules.codes import CODES, UNUSED_WAIVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD = """# Diagnostics

What `tacet check` can say. Every message has a place, says what is wrong, and one way out; all of them come at once:

```
contracts/shop/order/1.0.0.yaml:12:9: error[E201]: unknown key `presense` in field `amount`
  hint: did you mean `presence`?
```

Errors end the command with 1, and nothing is built. Warnings do so only with `--strict`; they, and what is only worth
knowing (`info`), can be waived in `contracts/waivers.yaml`:

```yaml
waivers:
  - rule: W701
    contract: shop.order@1.0.0       # or the path of a producer's file
    reason: the glossary says what an order is
    expires: 2027-03-31
```

A waiver that is over is an error. Which day it is, is asked in `check` alone (`--today` says another one); what is built
never depends on it.
"""
_GROUPS = {
    "E1": "Reading files",
    "E2": "The shape of a contract",
    "E3": "What contracts say of one another",
    "E4": "Sinks",
    "E5": "Expressions",
    "E6": "What was released, and waivers",
    "W7": "Lint",
}


def markdown(examples: Mapping[str, str]) -> str:
    """Return the page. `examples`: code -> what `check` says of its first test case."""
    return _HEAD + "".join(f"\n{section}" for section in _sections(examples))


def codes() -> tuple[str, ...]:
    """Return every code there is, in order."""
    return (*(code.id for code in CODES), *(rule.id for rule in RULES), UNUSED_WAIVER.id)


def _sections(examples: Mapping[str, str]) -> Iterator[str]:
    rows = [(code.id, _sentence(code.says), code.why, code.way_out) for code in CODES]
    rows += [(r.id, f"Checks that {r.checks} ({r.severity}).", r.why, r.way_out) for r in RULES]
    rows.append((UNUSED_WAIVER.id, _sentence(UNUSED_WAIVER.says), UNUSED_WAIVER.why, UNUSED_WAIVER.way_out))
    group = ""
    for id_, says, why, way_out in rows:
        if id_[:2] != group:
            group = id_[:2]
            yield f"## {_GROUPS[group]}\n"
        text = " ".join(part for part in (says, why, way_out) if part)
        yield f"### {id_}\n\n{text}\n\n```\n{examples[id_]}```\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
