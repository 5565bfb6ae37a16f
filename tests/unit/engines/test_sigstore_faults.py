"""Whose fault it is: evidence that cannot be read is refused; what breaks in the engine is *could not check*."""

from __future__ import annotations

import base64
import json
import logging
import random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from pycosign.lab import Lab
from tests.unit.engines.test_sigstore_certificate import OddAuthority
from tests.unit.engines.world import ARTIFACT, DIGEST, OneArtifact, failed, question
from verifier.budget import Budget
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine


class Panic(BaseException):
    """What a panic in a library written in Rust arrives as: no ``Exception``."""


class BrokenStore(OneArtifact):
    def __init__(self, fault: BaseException) -> None:
        super().__init__()
        self._fault = fault

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        raise self._fault


def asked(lab: Lab, fault: BaseException) -> Any:
    """A question for whose answer the artifact has to be read."""
    bundle = lab.sign_blob(ARTIFACT, key=ec.generate_private_key(ec.SECP384R1()))
    return question(bundle, lab.trusted_root(), store=BrokenStore(fault))


@pytest.mark.parametrize(
    "fault",
    [TypeError("ours"), AttributeError("ours"), KeyError("ours"), ValueError("ours"), AssertionError(), Panic(),
     MemoryError(), RecursionError()],
    ids=lambda fault: type(fault).__name__,
)  # fmt: skip
def test_a_fault_of_ours_is_no_refusal(
    engine: SigstoreEngine, lab: Lab, fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UnavailableError) as caught:
        engine.verify(asked(lab, fault))
    assert caught.value.reason is ReasonCode.INTERNAL_ERROR
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is fault


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_ends_it(engine: SigstoreEngine, lab: Lab, ends: type[BaseException]) -> None:
    with pytest.raises(ends):
        engine.verify(asked(lab, ends()))


def test_what_the_store_could_not_find_out_stays_that(engine: SigstoreEngine, lab: Lab) -> None:
    unreachable = UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, "x")
    with pytest.raises(UnavailableError) as caught:
        engine.verify(asked(lab, unreachable))
    assert caught.value is unreachable


def edited_entry(bundle: bytes, **changes: Any) -> bytes:
    document = json.loads(bundle)
    document["verificationMaterial"]["tlogEntries"][0].update(changes)
    return json.dumps(document).encode()


def reason(engine: SigstoreEngine, bundle: bytes, root: bytes) -> str:
    with pytest.raises(EvidenceError) as caught:
        engine.verify(question(bundle, root))
    return str(caught.value.reason)


@pytest.mark.parametrize("name", ["logIndex", "integratedTime"])
@pytest.mark.parametrize("number", [2**53, 2**62, 2**63 - 1])
def test_numbers_that_no_log_writes(
    engine: SigstoreEngine, lab: Lab, root: bytes, name: str, number: int
) -> None:
    """RFC 8785 has no numbers above 2^53, and Python no year above 9999."""
    bundle = edited_entry(lab.sign_image(DIGEST), **{name: str(number)})
    assert reason(engine, bundle, root) == "log-untrusted"


def test_a_time_that_a_trusted_log_promised_but_no_calendar_has(engine: SigstoreEngine, lab: Lab) -> None:
    twin = Lab(name="future")
    twin.rekor1._clock = Far  # type: ignore[assignment]  # it has what a log asks of a time
    bundle = twin.sign_image(DIGEST)
    assert reason(engine, bundle, twin.trusted_root()) == "log-untrusted"


class Far:
    """A clock's reading in the year 100 million."""

    def timestamp(self) -> float:
        return 3e15


def test_an_sct_of_a_year_that_no_calendar_has(engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
    def far(extensions: Any) -> None:
        oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
        log = lab.ct_logs[0].log_id
        sct = b"\0" + log + (2**60).to_bytes(8) + b"\0\0" + b"\4\3\0\10" + b"\x30\6\2\1\1\2\1\1"
        listed = len(sct).to_bytes(2) + sct
        raw = len(listed).to_bytes(2) + listed
        value = x509.UnrecognizedExtension(oid, b"\4" + bytes([len(raw)]) + raw)
        extensions[oid] = (value, False)

    odd: Any = OddAuthority(lab, far)
    facts = engine.verify(question(lab.sign_image(DIGEST, ca=odd), root))
    assert facts.scts == ()
    assert failed(facts) == {"sct": "sct-untrusted"}


def spoilt(raw: bytes, dice: random.Random) -> bytes:
    """``raw`` with a few bytes changed, put in or left out."""
    found = bytearray(raw)
    for _ in range(dice.choice((1, 1, 2))):
        place = dice.randrange(len(found))
        match dice.randrange(3):
            case 0:
                found[place] ^= 1 << dice.randrange(8)
            case 1:
                found[place] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, 0x30, 0x31, 4, 6, 12, 22, 0x18, 0xA3))
            case _:
                found[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    return bytes(found) or b"\0"


def holders(document: Any) -> list[tuple[dict[str, Any], str]]:
    """What is binary in a bundle and read by somebody else's parser."""
    held = document["verificationMaterial"]
    stamps = held["timestampVerificationData"]["rfc3161Timestamps"]
    return [(held["certificate"], "rawBytes"), (stamps[0], "signedTimestamp")]


@pytest.mark.filterwarnings("default")  # cryptography warns of what it will refuse one day
@pytest.mark.parametrize("which", [0, 1], ids=["certificate", "timestamp"])
def test_spoilt_der_is_never_a_fault_of_ours(
    engine: SigstoreEngine, lab: Lab, root: bytes, which: int
) -> None:
    good = lab.sign_image(DIGEST, timestamp=True)
    trusted = question(good, root).trusted_material
    dice = random.Random(which)  # noqa: S311
    for _ in range(1500):
        document = json.loads(good)
        holder, name = holders(document)[which]
        holder[name] = base64.b64encode(spoilt(base64.b64decode(holder[name]), dice)).decode()
        try:
            engine.verify(question(json.dumps(document).encode(), trusted))
        except VerificationError:
            continue


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("which", [0, 1], ids=["certificate", "timestamp"])
def test_names_of_every_kind(engine: SigstoreEngine, lab: Lab, root: bytes, which: int) -> None:
    """cryptography builds names in Python, with errors of its own for tags that are no text."""
    good = lab.sign_image(DIGEST, timestamp=True)
    common_name = b"\x06\x03\x55\x04\x03\x0c"  # the identifier, and the tag of a UTF8String
    for tag in range(256):
        document = json.loads(good)
        holder, name = holders(document)[which]
        raw = base64.b64decode(holder[name])
        assert common_name in raw
        changed = raw.replace(common_name, common_name[:-1] + bytes([tag]))
        holder[name] = base64.b64encode(changed).decode()
        if which == 0 and tag != 0x0C:
            answer = reason(engine, json.dumps(document).encode(), root)
            assert answer in {"malformed", "certificate-invalid", "chain-untrusted"}
        else:
            engine.verify(question(json.dumps(document).encode(), root))


# Errors of cryptography that are no ValueErrors: what is replaced in a good certificate, and with what.
ODD = {
    "a version that nobody has": (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x22"),
    "an extension twice": (b"\x06\x03\x55\x1d\x23", b"\x06\x03\x55\x1d\x0e"),
    "a name of X.400": (b"\x86\x1bhttps://", b"\xa3\x1bhttps://"),
}


@pytest.mark.parametrize("what", ODD)
def test_errors_of_their_own_kind(engine: SigstoreEngine, lab: Lab, root: bytes, what: str) -> None:
    document = json.loads(lab.sign_image(DIGEST, timestamp=True, identity="https://example.test/signer"))
    holder, name = holders(document)[0]
    raw, (old, new) = base64.b64decode(holder[name]), ODD[what]
    assert raw.count(old) == 1
    holder[name] = base64.b64encode(raw.replace(old, new)).decode()
    assert reason(engine, json.dumps(document).encode(), root) == "malformed"


def der(tag: int, body: bytes) -> bytes:
    """One DER value (X.690 section 8.1)."""
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    long = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(long)]) + long + body


@pytest.mark.filterwarnings("default")
def test_nor_is_a_spoilt_certificate_that_a_trusted_authority_signed(
    engine: SigstoreEngine, lab: Lab, root: bytes
) -> None:
    good = lab.sign_image(DIGEST, timestamp=True)
    trusted = question(good, root).trusted_material
    document = json.loads(good)
    holder = document["verificationMaterial"]["certificate"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(holder["rawBytes"]))
    whole, tbs = certificate.public_bytes(Encoding.DER), certificate.tbs_certificate_bytes
    algorithm = whole[whole.index(tbs) + len(tbs) :].split(b"\x03", 1)[0]
    dice = random.Random(0)  # noqa: S311
    for _ in range(400):
        changed = spoilt(tbs, dice)
        signature = lab.ca.key.sign(changed, ec.ECDSA(hashes.SHA384()))
        forged = der(0x30, changed + algorithm + der(3, b"\0" + signature))
        holder["rawBytes"] = base64.b64encode(forged).decode()
        try:
            engine.verify(question(json.dumps(document).encode(), trusted))
        except VerificationError:
            continue
