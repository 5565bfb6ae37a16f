"""The engine: who, what and when by cosign's word, bound again by ours."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Self

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from ...budget import Budget
from ...engine import VerifyOptions
from ...facts import SignatureFacts
from ...formats.entity import SignedEntity
from ...formats.signature_file import LEGACY_BUNDLE
from ..evidence import faults_are_ours
from ..keyring import compile_keyring
from ..sigstore import Compiled
from .certified import verify_certified
from .inquiry import Inquiry, Runner
from .keyed import verify_keyed
from .process import Program
from .selftest import run_self_test

logger = logging.getLogger(__name__)

_VARIABLE = "PYCOSIGN_COSIGN"
_REMEDY = f"Install cosign 3, and set {_VARIABLE} to the path of the executable where it is not on PATH."
# Keyrings kept: one for each source of keys, with the one before it while it is being replaced.
_KEPT = 64
# It starts in 30 milliseconds; on a busy machine much later.
_SECONDS_FOR_VERSION = 30
_MAX_VERSION = 64 << 10
_VERSION = re.compile(r"v?([\w.+-]{1,64})")


class CosignEngine:
    """Verifies signatures with the cosign executable (``verifier.engine.Engine``).

    1. Who is to have signed, and a statement's predicate type, are read from the signature itself.
    2. cosign is asked whether that signer signed that subject, with all the evidence that the trusted root could
       vouch for. It is given bytes and a trusted root in files, and no network.
    3. What was signed is bound to the subject, and the evidence that cosign found is read and verified once more.

    It takes no older bundle of a file: there cosign before 3.1.3 lets a key in the bundle override the one that is
    asked for (GHSA-fx35-mq7g-6g98).
    """

    def __init__(self, program: Runner, version: str) -> None:
        self._program = program
        self._version = version
        self._compiled = Compiled()
        self._keyring = lru_cache(maxsize=_KEPT)(compile_keyring)

    @classmethod
    def found(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The engine with the executable that ``PYCOSIGN_COSIGN`` names, or else the first one on PATH.

        Raises:
            ConfigurationError: there is none, or it does not say its version.
        """
        named = environment.get(_VARIABLE, "")
        program = Program.named(named or "cosign", environment.get("PATH", os.defpath))
        if program is None:
            missing = f"{_VARIABLE} names no program: {named!r}" if named else "cosign is not on PATH"
            raise ConfigurationError(missing, remedy=_REMEDY)
        return cls(program, _version_of(program))

    @property
    def name(self) -> str:
        """cosign and its version, as it says itself."""
        return f"cosign {self._version}"

    @property
    def type(self) -> str:
        """The kind of engine."""
        return "cosign"

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        """Everything but cosign's older bundles of files, where there is somebody to trust."""
        if content.media_type == LEGACY_BUNDLE:
            return False
        return bool(material.keys or (content.leaf_certificate and material.trusted_root))

    def accept(self, material: TrustedMaterial) -> None:
        """Parse the trusted root and the keys.

        Raises:
            ConfigurationError: one of them does not parse, or is of a kind that is not accepted.
        """
        if material.trusted_root:
            self._compiled.get(material)
        self._keyring(material.keys)

    def self_test(self) -> None:
        """Have recorded good signatures verified and bad ones refused.

        Raises:
            PycosignError: the engine must not be used.
        """
        run_self_test(self)

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        """Establish the facts of one signature.

        The artifact itself is read from ``options.store`` where cosign needs it: the manifest for signatures in
        its older forms, a file for what its SHA-256 digest is not enough for.

        Raises:
            EvidenceError: the signature does not hold.
            UnavailableError: ``engine-unavailable``: cosign cannot say; ``trust-unavailable``; why the artifact
                could not be read; ``deadline-exceeded``; ``internal-error``.
        """
        material = options.trusted_material
        try:
            compiled = self._compiled.get(material) if material.trusted_root else None
            keyring = self._keyring(material.keys)
        except ConfigurationError as error:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, str(error)) from error
        with faults_are_ours(logger):
            inquiry = Inquiry(self._program, options)
            if compiled is not None and options.content.leaf_certificate:
                return verify_certified(inquiry, compiled)
            return verify_keyed(inquiry, keyring, compiled)


def _version_of(program: Program) -> str:
    """What it says its version is; Debian's build says ``devel``.

    Raises:
        ConfigurationError: it says none.
    """
    problem = f"{program.path} is not cosign, or does not start"
    try:
        finished = program.run(
            ("version", "--json"), {}, limit=_MAX_VERSION, budget=Budget(_SECONDS_FOR_VERSION)
        )
        stated = json.loads(finished.stdout)["gitVersion"] if finished.status == 0 else ""
        found = _VERSION.fullmatch(stated)
    except UnavailableError as error:
        raise ConfigurationError(f"{problem}: {error.message}", remedy=_REMEDY) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(problem, remedy=_REMEDY) from error
    if found is None:
        raise ConfigurationError(problem, remedy=_REMEDY)
    return found[1]
