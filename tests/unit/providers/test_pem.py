"""Trusted roots from PEM files."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from providers.errors import ConfigurationError
from providers.pem import trusted_root_from_pem
from providers.trust import TrustedMaterial
from pycosign.lab import Lab
from verifier.engines.sigstore import SigstoreEngine

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Maker:
    """Issues certificates; ``by`` is another, or nobody."""

    def __init__(
        self, name: str, by: Maker | None = None, key: ec.EllipticCurvePrivateKey | None = None
    ) -> None:
        self.name = name
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        issuer = by or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def _public(key: Any) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _file(folder: Path, *contents: bytes) -> Path:
    path = folder / "a file.pem"
    path.write_bytes(b"".join(contents))
    return path


def _chains(path: Path) -> list[list[str]]:
    document = json.loads(trusted_root_from_pem(fulcio=path))
    return [
        [
            x509.load_der_x509_certificate(base64.b64decode(item["rawBytes"])).subject.rfc4514_string()[3:]
            for item in authority["certChain"]["certificates"]
        ]
        for authority in document["certificateAuthorities"]
    ]


ROOT = Maker("root")
MIDDLE = Maker("middle", ROOT)
LOW = Maker("low", MIDDLE)
OTHER = Maker("other")


@pytest.mark.parametrize(
    ("certificates", "chains"),
    [
        ((ROOT,), [["root"]]),
        ((LOW, MIDDLE, ROOT), [["low", "middle", "root"]]),
        ((ROOT, LOW, MIDDLE), [["low", "middle", "root"]]),
        ((ROOT, ROOT, MIDDLE), [["middle", "root"]]),
        ((ROOT, OTHER), [["root"], ["other"]]),
        ((ROOT, MIDDLE, OTHER, Maker("second", ROOT)), [["middle", "root"], ["other"], ["second", "root"]]),
    ],
)
def test_certificates_are_put_in_order(
    certificates: tuple[Maker, ...], chains: list[list[str]], tmp_path: Path
) -> None:
    assert sorted(_chains(_file(tmp_path, *(maker.pem for maker in certificates)))) == sorted(chains)


def test_a_root_that_was_renewed_and_one_that_another_certified(tmp_path: Path) -> None:
    renewed, crossed = Maker("root", key=ROOT.key), Maker("root", OTHER, ROOT.key)
    assert _chains(_file(tmp_path, MIDDLE.pem, ROOT.pem, renewed.pem)) == [["middle", "root"]] * 2
    assert sorted(_chains(_file(tmp_path, MIDDLE.pem, ROOT.pem, crossed.pem, OTHER.pem))) == [
        ["middle", "root"],
        ["middle", "root", "other"],
    ]


def test_a_name_alone_makes_no_issuer(tmp_path: Path) -> None:
    """The certificate says it is issued by a root of that name, and is not."""
    impostor = Maker("root")
    with pytest.raises(ConfigurationError, match="no certificate in the file issued 'CN=middle'"):
        trusted_root_from_pem(fulcio=_file(tmp_path, MIDDLE.pem, impostor.pem))


def test_a_chain_without_its_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="issued 'CN=middle'") as caught:
        trusted_root_from_pem(tsa=_file(tmp_path, LOW.pem, MIDDLE.pem))
    assert "root" in caught.value.remedy
    assert caught.value.file.endswith("a file.pem")


def test_certificates_in_a_circle_are_refused(tmp_path: Path) -> None:
    first, second = Maker("first", ROOT), Maker("second", ROOT)
    circle = [Maker("first", second, first.key).pem, Maker("second", first, second.key).pem]
    with pytest.raises(ConfigurationError, match="circle"):
        trusted_root_from_pem(fulcio=_file(tmp_path, *circle))
    with pytest.raises(ConfigurationError, match="circle"):
        trusted_root_from_pem(fulcio=_file(tmp_path, *circle, OTHER.pem))


def test_authorities_that_all_certify_each_other_do_not_take_for_ever(tmp_path: Path) -> None:
    roots = [Maker(f"root {number}") for number in range(7)]
    crossed = [Maker(one.name, other, one.key) for one in roots for other in roots if other is not one]
    below = Maker("below", roots[0])
    with pytest.raises(ConfigurationError, match="more than 64 chains"):
        trusted_root_from_pem(fulcio=_file(tmp_path, below.pem, *(maker.pem for maker in (*roots, *crossed))))


@pytest.mark.parametrize(
    ("key", "details"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "PKIX_ECDSA_P256_SHA_256"),
        (ec.generate_private_key(ec.SECP384R1()), "PKIX_ECDSA_P384_SHA_384"),
        (ec.generate_private_key(ec.SECP521R1()), "PKIX_ECDSA_P521_SHA_512"),
        (ed25519.Ed25519PrivateKey.generate(), "PKIX_ED25519"),
        (rsa.generate_private_key(65537, 2048), "PKIX_RSA_PKCS1V15_2048_SHA256"),
    ],
)
def test_each_key_is_a_log_that_goes_by_its_hash(key: Any, details: str, tmp_path: Path) -> None:
    root = trusted_root_from_pem(rekor=_file(tmp_path, b"# a comment\n", _public(key.public_key())))
    (log,) = json.loads(root)["tlogs"]
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert log["publicKey"]["keyDetails"] == details
    assert base64.b64decode(log["publicKey"]["rawBytes"]) == spki
    assert base64.b64decode(log["logId"]["keyId"]) == hashlib.sha256(spki).digest()
    SigstoreEngine().accept(TrustedMaterial.of("test", root, NOW))


def test_several_keys_in_one_file(tmp_path: Path) -> None:
    keys = [_public(ec.generate_private_key(ec.SECP256R1()).public_key()) for _ in range(3)]
    document = json.loads(trusted_root_from_pem(ctlog=_file(tmp_path, *keys, keys[0])))
    assert len(document["ctlogs"]) == 3
    assert document["tlogs"] == document["certificateAuthorities"] == document["timestampAuthorities"] == []


_PUBLIC = _public(ROOT.key.public_key())
_PRIVATE = ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
_BROKEN = b"-----BEGIN %b-----\nAAAA\n-----END %b-----\n"


@pytest.mark.parametrize(
    ("part", "content", "said"),
    [
        ("rekor", b"", "empty"),
        ("rekor", b"no PEM", "no PEM"),
        ("rekor", ROOT.pem, "a CERTIFICATE stands where a PUBLIC KEY"),
        ("rekor", _PRIVATE, "a PRIVATE KEY stands where a PUBLIC KEY"),
        ("ctlog", _BROKEN % (b"PUBLIC KEY", b"PUBLIC KEY"), "cannot be used"),
        ("ctlog", _PUBLIC[:-10], "no PEM"),
        ("ctlog", _PUBLIC + _PUBLIC[:-10], "no PEM"),  # the second is not passed over in silence
        ("ctlog", _public(x25519.X25519PrivateKey.generate().public_key()), "no key of a log"),
        ("ctlog", _public(ec.generate_private_key(ec.SECP256K1()).public_key()), "no key of a log"),
        ("ctlog", _public(rsa.generate_private_key(65537, 2064).public_key()), "no key of a log"),
        ("rekor", _PUBLIC * 65, "at most 64"),
        ("rekor", b"x" * ((1 << 20) + 1), "larger"),
        ("fulcio", _PUBLIC, "a PUBLIC KEY stands where a CERTIFICATE"),
        ("fulcio", ROOT.pem + _PRIVATE, "a PRIVATE KEY stands where a CERTIFICATE"),
        ("tsa", _BROKEN % (b"CERTIFICATE", b"CERTIFICATE"), "a certificate cannot be read"),
        ("tsa", _BROKEN % (b"CERTIFICATE", b"PUBLIC KEY"), "no PEM"),
    ],
)
def test_what_is_no_trust_is_refused_by_name(part: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(ConfigurationError, match=said) as caught:
        trusted_root_from_pem(**{part: path})
    assert caught.value.file == str(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        trusted_root_from_pem(fulcio=tmp_path / "nowhere")


def test_a_lab_in_pem_is_the_same_trust(tmp_path: Path) -> None:
    """What the lab's trusted root says, its PEM files say too."""
    given = json.loads(Lab().trusted_root())

    def certificates(authority: dict[str, Any]) -> list[bytes]:
        return [base64.b64decode(item["rawBytes"]) for item in authority["certChain"]["certificates"]]

    def pem(content: bytes) -> bytes:
        return x509.load_der_x509_certificate(content).public_bytes(Encoding.PEM)

    (tmp_path / "fulcio.pem").write_bytes(
        b"".join(pem(one) for one in certificates(given["certificateAuthorities"][0])[::-1])
    )
    (tmp_path / "tsa.pem").write_bytes(
        b"".join(pem(one) for one in certificates(given["timestampAuthorities"][0]))
    )
    made = json.loads(trusted_root_from_pem(fulcio=tmp_path / "fulcio.pem", tsa=tmp_path / "tsa.pem"))
    for kind in ("certificateAuthorities", "timestampAuthorities"):
        assert list(map(certificates, made[kind])) == list(map(certificates, given[kind]))
