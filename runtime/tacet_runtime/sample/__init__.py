"""Realistic events for a plan, seeded: `write_sample` is what `tacet sample` runs.

`values` makes values, `clients` says who logs what, `messages` puts a message together, `scenarios` plants faults and
labels them by what was planted; nothing here asks the judge.
"""

from __future__ import annotations

from tacet_runtime.sample.profile import Profile, ProfileError, read_profile
from tacet_runtime.sample.scenarios import SCENARIOS
from tacet_runtime.sample.stream import SampleError, write_sample

__all__ = ["SCENARIOS", "Profile", "ProfileError", "SampleError", "read_profile", "write_sample"]
