"""What tacet costs, as ratios within one run: `python -m bench` (or `make bench`)."""
