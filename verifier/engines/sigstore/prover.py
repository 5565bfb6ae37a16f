"""The proofs of logs and timestamp authorities, for the engine of bare keys."""

from __future__ import annotations

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from ...engine import VerifyOptions
from ..evidence import Record
from ..signature import SignedContent
from ..signer import Signer
from .material import Compiled
from .proofs import Proven, prove
from .timestamps import CheckTime


class RootProver:
    """Holds the evidence of one signature against the trusted root of the request."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    def accept(self, material: TrustedMaterial) -> None:
        """Compile the trusted root and keep it.

        Raises:
            ConfigurationError: it cannot be used.
        """
        self._compiled.get(material)

    def prove(
        self,
        options: VerifyOptions,
        content: SignedContent,
        signer: Signer,
        check_time: CheckTime,
        record: Record,
    ) -> Proven:
        """See ``proofs.prove``.

        Raises:
            EvidenceError: evidence that does not hold.
            UnavailableError: ``trust-unavailable``: the trusted root cannot be used.
        """
        try:
            compiled = self._compiled.get(options.trusted_material)
        except ConfigurationError as error:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, str(error)) from error
        return prove(options.content, content, signer, check_time, compiled, record)
