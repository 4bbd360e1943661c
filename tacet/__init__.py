"""tacet: event contracts, compiled. The small public Python API; the command is `tacet.cli`."""

__version__ = "0.1.0"
