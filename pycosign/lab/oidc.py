"""An OpenID Connect issuer, and the check the lab's Fulcio makes of its tokens.

One key signs the tokens of every issuer in a table: the lab's own, those a test adds, and GitHub Actions,
which the lab impersonates. A token passes when that key signed it, its issuer is in the table, its audience is
"sigstore" and its time has come and not passed. Nothing outside the lab trusts that key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from .clock import Clock
from .errors import LabError
from .identity import Identity, github_identity
from .keys import key_id, new_key, sign, signed_with
from .names import AUDIENCE, DEFAULT_ISSUER, GITHUB_ISSUER
from .wire import parse_object, text

_COORDINATE = 32  # bytes of a P-256 coordinate, RFC 7518 s3.4
_MAX_TOKEN = 16 * 1024  # more than any Fulcio issuer's tokens; a bound on what is parsed
_SKEW = 5  # seconds a client's clock may be ahead


class OidcIssuer:
    """Mints and checks ES256 tokens (RFC 7515, RFC 7519)."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._key = new_key()
        self._key_id = key_id(self._key.public_key()).hex()[:16]
        self._issuers = {DEFAULT_ISSUER, GITHUB_ISSUER}

    @property
    def issuers(self) -> frozenset[str]:
        """The issuers whose tokens pass."""
        return frozenset(self._issuers)

    def add_issuer(self, url: str) -> None:
        """Tokens that name this issuer pass from now on, if the lab signed them."""
        self._issuers.add(url)

    def token(
        self,
        identity: str,
        *,
        issuer: str = DEFAULT_ISSUER,
        audience: str = AUDIENCE,
        lifetime: timedelta = timedelta(minutes=10),
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """A signed token. An identity with "@" and no ":" or "/" is an address: it goes into `email`, verified."""
        now = int(self._clock().timestamp())
        body: dict[str, object] = {
            "iss": issuer,
            "sub": identity,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + int(lifetime.total_seconds()),
        }
        if "@" in identity and not {":", "/"} & set(identity):
            body |= {"email": identity, "email_verified": True}
        return self._encode(body | dict(claims or {}))

    def github_token(
        self,
        *,
        repository: str = "lab/app",
        ref: str = "refs/heads/main",
        workflow: str = "build.yml",
        event: str = "push",
        sha: str = "0" * 40,
        **claims: str,
    ) -> str:
        """A token like those of GitHub Actions, every claim Fulcio reads included."""
        path = f"{repository}/.github/workflows/{workflow}@{ref}"
        body: dict[str, object] = {
            "job_workflow_ref": path, "job_workflow_sha": sha, "workflow_ref": path, "workflow_sha": sha,
            "repository": repository, "repository_id": "1", "repository_owner": repository.partition("/")[0],
            "repository_owner_id": "2", "repository_visibility": "public", "ref": ref, "sha": sha,
            "event_name": event, "workflow": workflow, "run_id": "3", "run_attempt": "1",
            "runner_environment": "github-hosted",
        }  # fmt: skip
        return self.token(f"repo:{repository}:ref:{ref}", issuer=GITHUB_ISSUER, claims=body | claims)

    def verify(self, token: str) -> tuple[Identity, str]:
        """The identity Fulcio certifies for this token, and the text its holder signs to prove possession of
        the key. Raises LabError.
        """
        claims = self._signed_claims(token)
        issuer = text(claims, "iss")
        if issuer not in self._issuers:
            raise LabError(f"tokens of {issuer} are not accepted here")
        self._check_times(claims)
        audience = claims.get("aud")
        if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
            raise LabError(f"the token's audience is not {AUDIENCE}")
        if issuer == GITHUB_ISSUER:
            return github_identity(claims), text(claims, "sub")
        if "email" in claims:
            if claims.get("email_verified") is not True:
                raise LabError("the token's email is not verified")
            return Identity.of(text(claims, "email"), issuer), text(claims, "email")
        return Identity.of(text(claims, "sub"), issuer), text(claims, "sub")

    def jwks(self) -> dict[str, object]:
        """The key set (RFC 7517)."""
        point = self._key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": self._key_id,
                    "x": _b64url(point.x.to_bytes(_COORDINATE, "big")),
                    "y": _b64url(point.y.to_bytes(_COORDINATE, "big")),
                }
            ]
        }

    @staticmethod
    def discovery(url: str) -> dict[str, object]:
        """The document at /.well-known/openid-configuration (OpenID Connect Discovery 1.0 s3)."""
        return {
            "issuer": url,
            "authorization_endpoint": f"{url}/oidc/auth",
            "token_endpoint": f"{url}/oidc/token",
            "jwks_uri": f"{url}/oidc/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["openid", "email"],
        }

    def _encode(self, claims: Mapping[str, object]) -> str:
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key_id}
        signed = f"{_b64url(json.dumps(header).encode())}.{_b64url(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(sign(self._key, signed.encode()))
        signature = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
        return f"{signed}.{_b64url(signature)}"

    def _signed_claims(self, token: str) -> dict[str, object]:
        parts = token.split(".")
        if len(token) > _MAX_TOKEN or len(parts) != 3:
            raise LabError("not a signed token")
        header, signature = parse_object(_unb64url(parts[0])), _unb64url(parts[2])
        if header.get("alg") != "ES256" or header.get("kid") != self._key_id:
            raise LabError("the token is not signed by this lab")
        if len(signature) != 2 * _COORDINATE:
            raise LabError("the token's signature has the wrong length")
        r, s = signature[:_COORDINATE], signature[_COORDINATE:]
        der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        if signed_with(self._public_key(), der, f"{parts[0]}.{parts[1]}".encode()) != "sha256":
            raise LabError("the token's signature does not verify")
        return parse_object(_unb64url(parts[1]))

    def _public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    def _check_times(self, claims: Mapping[str, object]) -> None:
        now = self._clock().timestamp()
        start, end = claims.get("nbf", claims.get("iat")), claims.get("exp")
        if not isinstance(start, int) or not isinstance(end, int):
            raise LabError("the token does not say when it is valid")
        if not start - _SKEW <= now < end:
            raise LabError("the token is not valid now")


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unb64url(value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise LabError("the token is not base64url") from error
