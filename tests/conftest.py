"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Examples sign and verify, which takes as long as the machine is slow: no deadline for one example.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# In CI the same examples every time: a red run says something about the change.
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") or os.environ.get("PYCOSIGN_REQUIRE_TOOLS") else "here")
