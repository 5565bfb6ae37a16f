"""A whole Sigstore in one object, without sockets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Unpack

from . import trust
from .bundle import attestation_statement, signature_statement
from .ca import CertificateAuthority, pem
from .clock import FUTURE, PAST, Clock, Window, utc_now, whole_second
from .ctlog import CtLog
from .errors import LabError
from .files import SignatureFiles, attestation_files, signature_files
from .fulcio import Fulcio
from .keys import spki_pem
from .legacy import LegacyLayer, legacy_attestation, legacy_signature, simple_signing_payload
from .names import DEFAULT_IDENTITY, DEFAULT_ISSUER, checked_lab_name, host
from .oidc import OidcIssuer
from .rekor1 import RekorV1
from .rekor2 import RekorV2
from .sign import LabSigner, Recipe, SigningOptions
from .tsa import TimestampAuthority


class Lab:
    """A certificate authority, certificate transparency logs, both Rekors, a timestamp authority and an OpenID
    Connect issuer, with keys made at construction and kept nowhere.

    `name` tells two labs apart (what one signs, the other's root does not vouch for), `clock` decides what
    time it is, `ct_logs` is how many SCTs a certificate carries. Its services may be called from several
    threads. Every name in its certificates and logs says that it is not a real Sigstore.
    """

    def __init__(self, *, name: str = "lab", clock: Clock = utc_now, ct_logs: int = 1) -> None:
        if not 1 <= ct_logs <= 8:
            raise LabError("a lab has one to eight certificate transparency logs")
        self.name = checked_lab_name(name)
        self.clock = clock
        created = whole_second(clock())
        self.window = Window(created - PAST, created + FUTURE)
        self.ca = CertificateAuthority(lab_name=name, clock=clock)
        self.ct_logs = tuple(
            CtLog(host=host(f"ctlog{number}", name), clock=clock) for number in range(1, ct_logs + 1)
        )
        self.rekor1 = RekorV1(host=host("rekor1", name), clock=clock)
        self.rekor2 = RekorV2(host=host("rekor2", name))
        self.tsa = TimestampAuthority(lab_name=name, clock=clock)
        self.oidc = OidcIssuer(clock=clock)
        self.fulcio = Fulcio(ca=self.ca, ct_logs=self.ct_logs, oidc=self.oidc)
        self.signer = LabSigner(
            ca=self.ca, ct_logs=self.ct_logs, rekor1=self.rekor1, rekor2=self.rekor2, tsa=self.tsa
        )

    def trusted_root(
        self,
        *,
        windows: trust.TrustWindows | None = None,
        without: Collection[trust.RootList] = (),
        also: Sequence[Lab] = (),
    ) -> bytes:
        """trusted_root.json; `windows` changes validity windows in it, `without` empties lists in it, and `also`
        adds what other labs vouch for.
        """
        return trust.pretty(self._trusted_root((self, *also), windows, without))

    def signing_config(self, url: str, *, rekor: Literal[1, 2] = 1, timestamp: bool = True) -> bytes:
        """A signing configuration v0.2 for the lab's services at this URL (see server.py)."""
        return trust.pretty(trust.signing_config(url, self._open_window(), rekor=rekor, timestamp=timestamp))

    def client_trust_config(self, url: str, *, rekor: Literal[1, 2] = 1, timestamp: bool = True) -> bytes:
        """Trusted root and signing configuration in one document, for sigstore-python."""
        signing = trust.signing_config(url, self._open_window(), rekor=rekor, timestamp=timestamp)
        return trust.pretty(trust.client_trust_config(self._trusted_root([self]), signing))

    def pem_files(self) -> dict[str, bytes]:
        """The public keys and certificate chains, by file name."""
        ctfe = b"".join(spki_pem(log.key.public_key()) for log in self.ct_logs)
        return {
            "fulcio-chain.pem": pem(self.ca.chain),
            "tsa-chain.pem": pem(self.tsa.chain),
            "rekor.pub": spki_pem(self.rekor1.key.public_key()),
            "rekor2.pub": spki_pem(self.rekor2.key.public_key()),
            "ctfe.pub": ctfe,
        }

    def token(
        self,
        identity: str = DEFAULT_IDENTITY,
        *,
        issuer: str = DEFAULT_ISSUER,
        lifetime: timedelta = timedelta(minutes=10),
    ) -> str:
        """An identity token of the lab's issuer; an issuer it did not know is one from now on."""
        self.oidc.add_issuer(issuer)
        return self.oidc.token(identity, issuer=issuer, lifetime=lifetime)

    def sign_image(
        self,
        digest: str,
        *,
        annotations: Mapping[str, str] | None = None,
        **options: Unpack[SigningOptions],
    ) -> bytes:
        """A bundle as `cosign sign` makes it for the manifest with this digest. See Recipe for the options."""
        return self.signer.sign_statement(signature_statement(digest, annotations), Recipe(**options))

    def attest(
        self,
        digest: str,
        *,
        predicate_type: str,
        predicate: object,
        subject_name: str = "subject",
        **options: Unpack[SigningOptions],
    ) -> bytes:
        """A bundle as `cosign attest` makes it. See Recipe for the options."""
        statement = attestation_statement(digest, predicate_type, predicate, name=subject_name)
        return self.signer.sign_statement(statement, Recipe(**options))

    def sign_statement(self, statement: Mapping[str, object], **options: Unpack[SigningOptions]) -> bytes:
        """A bundle around any statement."""
        return self.signer.sign_statement(statement, Recipe(**options))

    def sign_payload(self, payload_type: str, payload: bytes, **options: Unpack[SigningOptions]) -> bytes:
        """A bundle with an envelope of any type around any bytes."""
        return self.signer.sign_payload(payload_type, payload, Recipe(**options))

    def sign_blob(self, blob: bytes, **options: Unpack[SigningOptions]) -> bytes:
        """A bundle as `cosign sign-blob` makes it. See Recipe for the options."""
        return self.signer.sign_blob(blob, Recipe(**options))

    def sign_image_legacy(
        self,
        digest: str,
        *,
        reference: str,
        annotations: Mapping[str, str] | None = None,
        **options: Unpack[SigningOptions],
    ) -> LegacyLayer:
        """A `.sig` layer as cosign 2 makes it; `reference` is the docker-reference in the payload."""
        payload = simple_signing_payload(digest, reference, annotations)
        return legacy_signature(self.signer, payload, Recipe(**options))

    def attest_legacy(
        self,
        digest: str,
        *,
        predicate_type: str,
        predicate: object,
        subject_name: str = "subject",
        **options: Unpack[SigningOptions],
    ) -> LegacyLayer:
        """An `.att` layer as cosign 2 makes it."""
        return legacy_attestation(
            self.signer, digest, predicate_type, predicate, name=subject_name, recipe=Recipe(**options)
        )

    def sign_blob_legacy(self, blob: bytes, **options: Unpack[SigningOptions]) -> SignatureFiles:
        """The files of `cosign sign-blob` before bundles."""
        return signature_files(self.signer, blob, Recipe(**options))

    def attest_blob_legacy(
        self,
        digest: str,
        *,
        predicate_type: str,
        predicate: object,
        subject_name: str = "subject",
        **options: Unpack[SigningOptions],
    ) -> SignatureFiles:
        """The files of `cosign attest-blob` before bundles."""
        return attestation_files(
            self.signer, digest, predicate_type, predicate, name=subject_name, recipe=Recipe(**options)
        )

    @staticmethod
    def _trusted_root(
        labs: Sequence[Lab],
        windows: trust.TrustWindows | None = None,
        without: Collection[trust.RootList] = (),
    ) -> dict[str, object]:
        vouched = [
            trust.Authorities(
                ca=lab.ca,
                ct_logs=lab.ct_logs,
                rekor1=lab.rekor1,
                rekor2=lab.rekor2,
                tsa=lab.tsa,
                hosts={"fulcio": host("fulcio", lab.name), "tsa": host("tsa", lab.name)},
                window=Window(lab.window.start),
            )
            for lab in labs
        ]
        return trust.trusted_root(vouched, windows=windows, without=without)

    def _open_window(self) -> Window:
        return Window(self.window.start)
