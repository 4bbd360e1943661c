"""The embedded engine: DuckDB computes values, the reference gives each distinct kind of row its verdicts.

`screen` keeps what is not strictly JSON away from DuckDB; `shapes` turns JSON types into states of fields; `kinds`
asks the reference once for every distinct combination of states; `processor` puts it together. Whatever SQL cannot
say exactly goes through the reference interpreter, message by message, in the same batch.
"""

from tacet_runtime.engines.embedded.processor import EmbeddedProcessor, embedded

__all__ = ["EmbeddedProcessor", "embedded"]
