"""The compiler: contracts in, artefacts out. `build.py` is where to start reading."""
