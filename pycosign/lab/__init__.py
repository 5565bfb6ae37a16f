"""A whole Sigstore and an OCI registry on this machine, to test policies with. NOT A REAL SIGSTORE."""

from __future__ import annotations

from .clock import Window
from .errors import LabError
from .files import SignatureFiles
from .instance import Lab
from .legacy import LegacyLayer, attach_legacy, attach_oci11
from .loopback import Answer, Request
from .push import attach_bundle, push_artifact, push_chart, push_image, push_index
from .registry import Descriptor, MemoryRegistry
from .registry_http import serve_registry
from .server import LabServer
from .trust import TrustWindows

__all__ = [
    "Answer",
    "Descriptor",
    "Lab",
    "LabError",
    "LabServer",
    "LegacyLayer",
    "MemoryRegistry",
    "Request",
    "SignatureFiles",
    "TrustWindows",
    "Window",
    "attach_bundle",
    "attach_legacy",
    "attach_oci11",
    "push_artifact",
    "push_chart",
    "push_image",
    "push_index",
    "serve_registry",
]
