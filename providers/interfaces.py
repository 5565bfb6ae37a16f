"""The two contracts a provider fulfils."""

from __future__ import annotations

from typing import Protocol

from .descriptor import Descriptor
from .policy import Policy
from .subject import Subject
from .trust import TrustedMaterial


class TrustedMaterialProvider(Protocol):
    """Where trusted roots come from."""

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """The material to verify one signature with.

        ``artifact_descriptor`` is the signature artifact, ``key_hint`` what a key-signed bundle says of its
        key (empty when it says nothing); both come from the signer and may choose among trusted things only.

        Raises:
            UnavailableError: there is none to be had now. Never returns something empty instead.
        """
        ...

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """Everything it may answer with at the moment, for start-up checks and reports; no I/O."""
        ...


class PolicyProvider(Protocol):
    """Where policies come from."""

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Every policy that speaks for ``subject``; an empty tuple means none does, and that refuses.

        ``descriptor`` is the resolved subject, or None while it is not resolved yet: then the answer is every
        policy that could speak for it, whatever it turns out to be, and the later answer may only be narrower.
        Use ``policy.select`` unless there is a reason not to.

        Raises:
            UnavailableError: the policies cannot be read now.
        """
        ...

    @property
    def revision(self) -> str:
        """Names the present content of the provider; changes whenever an answer may change."""
        ...
