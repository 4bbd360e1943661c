"""Realistic events for a plan, seeded: `write_sample` is what `tacet sample` runs.

`clients` says who logs what, `shapes` what a client sends on a day, `fields` and `values` make values, `conditions`,
`selecting` and `forcing` keep the contract's conditions, `messages` puts a message together, `faults` and `scenarios`
plant what goes wrong, `noise` is everything else on a queue, `stream` puts all in order. Labels come from what was
planted; nothing here asks the judge.
"""

from __future__ import annotations

from tacet_runtime.sample.fields import SampleError
from tacet_runtime.sample.profile import Profile, ProfileError, read_profile
from tacet_runtime.sample.scenarios import SCENARIOS
from tacet_runtime.sample.stream import NoPlaceError, Recipe, write_sample

__all__ = [
    "SCENARIOS",
    "NoPlaceError",
    "Profile",
    "ProfileError",
    "Recipe",
    "SampleError",
    "read_profile",
    "write_sample",
]
