"""Every error that a contract can have, as rows: what it says, why it is refused. docs/diagnostics.md is written from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One error: `says` completes "This code says that", `why` is the reason, `way_out` what to do."""

    id: str
    says: str
    why: str
    way_out: str


_READING = (
    Code(
        "E101",
        "a file or folder cannot be read",
        "Links are not followed, so that a contract is always the file that is reviewed.",
        "Put the file itself there, and make it readable.",
    ),
    Code(
        "E102",
        "a file is larger than 1 MiB",
        "Contracts are untrusted input; every limit is known beforehand.",
        "Split it.",
    ),
    Code(
        "E103",
        "a file is not UTF-8",
        "Bytes that mean different letters to different readers are refused.",
        "Save it as UTF-8.",
    ),
    Code(
        "E104",
        "a character is not allowed",
        "Control characters, line separators and bidirectional overrides make text look like something else, "
        "in a review and in what is generated. Line ends are LF.",
        "Remove it; describe it in words.",
    ),
    Code(
        "E105",
        "a file is not YAML",
        "The place is where the parser stopped; the cause may stand before it.",
        "Check indentation, quotes and colons.",
    ),
    Code(
        "E106",
        "a tag, anchor, alias, merge key or directive is used",
        "They build objects, or expand to more than the file shows.",
        "Write the value out.",
    ),
    Code(
        "E107",
        "a key stands twice in one mapping",
        "YAML readers silently keep one of them, not all the same one.",
        "Keep one.",
    ),
    Code(
        "E108",
        "a text is none for every YAML reader",
        "`no`, `010`, `1_000`, `1.10` and `2026-01-01` are booleans, numbers and dates to some readers.",
        "Quote it.",
    ),
    Code(
        "E109",
        "a file is nested deeper than 32, or has more than 100,000 nodes",
        "Every limit is known beforehand.",
        "Flatten or split it.",
    ),
    Code(
        "E110", "there is nothing, or more than one document", "One file is one contract.", "Write one contract a file."
    ),
)
_SHAPE = (
    Code("E201", "a key is not known", "A misspelt key would silently mean nothing.", "Correct or remove it."),
    Code("E202", "a key is missing", "There is no good default for it.", "Add it."),
    Code("E203", "a value has the wrong shape", "A mapping, a list or one value is expected.", "Write what the hint shows."),
    Code(
        "E204", "a name is no identifier",
        "Names become columns, classes and files: `[A-Za-z_][A-Za-z0-9_]{0,127}`, ASCII. Ids are kebab case.", "Rename it.",
    ),
    Code(
        "E205", "a name is reserved",
        "A target cannot carry it, even quoted: words of Python, names of devices on Windows, `no_items`.", "Rename it.",
    ),
    Code("E206", "two names differ only in case", "Some targets and file systems fold case.", "Rename one."),
    Code("E207", "a word is not one of those that can stand there", "The set is closed.", "Choose one of them."),
    Code("E208", "a version is not MAJOR.MINOR.PATCH", "Contract versions are compared as SemVer compares them.", "Write for example `1.0.0`."),
    Code(
        "E209", "a file and its place do not agree",
        "`NAMESPACE/NAME/VERSION.yaml`, `NAMESPACE/NAME/producers/PRODUCER.yaml`: a reader finds a contract by its name.",
        "Move or rename one of them.",
    ),
    Code("E210", "a type cannot be read", "Types are those that every target has; see docs/contracts.md.", "Choose one of them."),
    Code("E211", "an encoding does not fit its type", "How a value is written in the source depends on its type.", "Choose one that the type has."),
    Code("E212", "a path cannot be read, or has nothing to start from", "`$item` and `$index` exist only with `explode`.", "Write for example `$.device.model`."),
    Code("E213", "a range does not fit its type, or is empty", "Both ends are values of the type, both included.", "Correct the ends."),
    Code("E214", "one_of cannot be", "It closes a string: 1 to 10,000 different symbols.", "Correct the list, or use `range`."),
    Code("E215", "a pattern cannot be used", "It must mean the same to RE2, Java, JSON Schema and Python; no more than 512 characters.", "Use the shared subset."),
    Code("E216", "a presence is not known", "`required`, `optional`, or `{required_when: condition}`.", "Choose one."),
    Code("E217", "an identity or a key cannot find its row", "It must be required, of an exact type, and there.", "Mark other fields."),
    Code("E218", "a number, date, share or duration cannot be read", "`1000`, `2026-01-31`, `40%`, `5m`.", "Write it as in the hint."),
    Code("E219", "a value cannot be, or two contradict each other", "The message says which.", "Follow the hint."),
)  # fmt: skip
_REFERENCES = (
    Code("E301", "a field is named that is not there", "Nothing is looked up at run time.", "Correct the name."),
    Code(
        "E302",
        "a contract, version or producer is named that is not there",
        "Nothing is looked up at run time.",
        "Correct the name, or write the contract.",
    ),
    Code(
        "E303",
        "a version range cannot be read, or is empty",
        "Bounds are compared in the event's scheme.",
        "Write for example `>=4.0.0 <5.2.0`.",
    ),
    Code("E304", "two ranges of a producer overlap", "A version has one registration.", "Move a bound."),
    Code(
        "E305",
        "no version lies in a range",
        "A job must know what it decodes with, and what it joins.",
        "Widen the range, or write the version.",
    ),
    Code(
        "E306",
        "an omission cannot be",
        "Its id is one producer's and one field's, its dates are in order, and an identity is never excused.",
        "Follow the hint.",
    ),
    Code(
        "E307",
        "a lookup does not name the table's whole key, with equal types",
        "Part of a key finds many rows, and rows would be doubled.",
        "Name every key column.",
    ),
    Code(
        "E308",
        "a value is put where it does not belong",
        "Types are not converted silently, and an identity is never changed.",
        "Follow the hint.",
    ),
    Code(
        "E309",
        "one name stands for two kinds of contract",
        "`namespace.name` says one thing in all versions.",
        "Rename one.",
    ),
)
_TARGETS = (
    Code(
        "E401", "a table, partition or sort cannot be", "Iceberg's rules for names and transforms.", "Follow the hint."
    ),
    Code(
        "E402",
        "a name collides",
        "Every sink adds columns that begin with `_`; a lookup and a field share one name space; so do a column and a partition field.",
        "Rename it.",
    ),
    Code(
        "E403",
        "two events write one table",
        "A job owns its tables: accounting and commits depend on it.",
        "Give each a table of its own.",
    ),
    Code(
        "E404",
        "a topic cannot be",
        "Kafka's rules for names; derived events are written as Avro; a topic has one writer, and no job consumes what it writes.",
        "Follow the hint.",
    ),
    Code(
        "E405",
        "a field changes its type since an earlier version",
        "One table holds all versions; its columns only widen, as Iceberg allows.",
        "Use a new name.",
    ),
)
_EXPRESSIONS = (
    Code("E501", "an expression cannot be read", "The place is where it stopped making sense.", "Complete it."),
    Code(
        "E502",
        "something is not in the language",
        "Statements, comments, templates, parameters and engines' own operators are refused.",
        "Write it as the hint says.",
    ),
    Code("E503", "a sub-query, aggregate or clause is used", "An expression sees one row.", "Join with `lookups`."),
    Code(
        "E504",
        "a function is not in the list",
        "Every function of the list means the same on every engine; see docs/expressions.md.",
        "Use one of the list.",
    ),
    Code(
        "E505",
        "a name is not known here",
        "Rules see their event's fields, derived fields see the raw event's and the lookups'.",
        "Correct the name.",
    ),
    Code("E506", "types do not go together", "Nothing is converted silently.", "Write the CAST."),
    Code("E507", "a function has too many or too few arguments", "", "See docs/expressions.md."),
    Code("E508", "a constant is no value of its type", "", "Write one that is."),
    Code(
        "E509", "a condition is none", "`check`, `when` and `drop_when` are TRUE, FALSE or NULL.", "Write a comparison."
    ),
    Code("E510", "a CAST is outside the list", "Engines disagree about it.", "See docs/expressions.md for the list."),
    Code(
        "E511",
        "an argument must be a constant, or cannot be",
        "Patterns, units and formats are compiled.",
        "Write it in quotes.",
    ),
    Code("E512", "an expression is nested too deep or too long", "Every limit is known beforehand.", "Split it."),
    Code(
        "E513",
        "a path stands outside `select`, or cannot be used there",
        "Elsewhere values have types, and types belong to fields.",
        "Make it a field.",
    ),
    Code("E514", "a NULL has no type", "", "CAST it."),
    Code(
        "E515",
        "engines do not agree on it by nature",
        "What cannot be given one meaning is refused.",
        "Follow the hint.",
    ),
)
_RELEASED = (
    Code(
        "E601",
        "a released file was changed",
        "What was released is what others rely on. A contract is released by `status: released` and `tacet build`, which puts its "
        "digest into `contracts/released.lock`; from then on its file does not change.",
        "Restore it, and write a new version.",
    ),
    Code("E602", "a released file is gone", "Rows that were decoded with it still name it.", "Restore it."),
    Code(
        "E603",
        "`released.lock` is damaged",
        "The ids in it name the columns of tables that exist.",
        "Restore it from version control; never renumber.",
    ),
    Code(
        "E604",
        "a waiver waives nothing that can be waived",
        "Only warnings are waived, in one file, by name.",
        "Correct it.",
    ),
    Code("E605", "a waiver is over", "A waiver is a promise with a date.", "Put right what it covers."),
)

CODES: tuple[Code, ...] = (*_READING, *_SHAPE, *_REFERENCES, *_TARGETS, *_EXPRESSIONS, *_RELEASED)
UNUSED_WAIVER = Code("W731", "a waiver covers nothing", "It would hide the next one that comes.", "Remove it.")
