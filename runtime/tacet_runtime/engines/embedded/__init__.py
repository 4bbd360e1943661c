"""The embedded engine: compiled code reads, DuckDB computes, the reference gives each distinct kind of row its verdicts.

`layout`, `scan` and `scanner` find what stands where in a message, `convert` makes columns of it and the generated SQL
types and tests them (`rows`); `shapes` turns kinds of JSON values into states of fields; `kinds` asks the reference once
for every distinct combination of states; `processor` puts it together. What the scanner refuses and what SQL cannot say
exactly goes through the reference interpreter, message by message, in the same batch: the strict path.
"""

from tacet_runtime.engines.embedded.processor import EmbeddedProcessor, embedded

__all__ = ["EmbeddedProcessor", "embedded"]
