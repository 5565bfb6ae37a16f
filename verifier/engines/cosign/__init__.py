"""The cosign executable as an engine. The one door to it, and the one place below the servers that starts a
process.

cosign gets the bytes that were already fetched, in a folder of its own, and trust by file; it never sees the
registry. What it says is evidence: who signed, what and of which type is read from those bytes and bound again
with the code of the other engines, and a log entry, time or SCT is a fact only where both find it.
"""

from .engine import CosignEngine

__all__ = ["CosignEngine"]
