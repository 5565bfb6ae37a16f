"""Evidence as cosign wrote it before bundles."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from pycosign.lab import Lab
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from tests.unit.formats.test_pem import armoured
from verifier.formats.legacy import read_certificate, read_rekor_bundle, read_signature, read_timestamp
from verifier.formats.limits import MAX_CERTIFICATE, MAX_SIGNATURE, MAX_TIMESTAMP, MAX_TYPE_NAME
from verifier.formats.pem import PUBLIC_KEY

LAB = Lab(name="legacy")
LAYER = dict(LAB.sign_image_legacy("sha256:" + "ab" * 32, reference="x.test/a", timestamp=True).annotations)
CERTIFICATE = LAYER["dev.sigstore.cosign/certificate"].encode()
REKOR = LAYER["dev.sigstore.cosign/bundle"].encode()
STAMP = LAYER["dev.sigstore.cosign/rfc3161timestamp"].encode()
DER = base64.b64decode(b"".join(CERTIFICATE.split(b"\n")[1:-2]))
RAW_STAMP = base64.b64decode(json.loads(STAMP)["SignedRFC3161Timestamp"])


def b64(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


def malformed(call: Any) -> None:
    assert refusal_of(call) is ReasonCode.MALFORMED


class TestCertificate:
    READ: dict[str, bytes] = {  # noqa: RUF012
        "PEM": CERTIFICATE,
        "PEM with CRLF": CERTIFICATE.replace(b"\n", b"\r\n"),
        "PEM after a line end": b"\n" + CERTIFICATE,
        "PEM after words": b"subject=/CN=x\n" + CERTIFICATE,
        "PEM with its chain": CERTIFICATE + LAB.pem_files()["fulcio-chain.pem"],
        "base64 of PEM": base64.b64encode(CERTIFICATE),
        "base64 of PEM with a line end": base64.b64encode(CERTIFICATE) + b"\n",
        "base64 of PEM in lines": base64.encodebytes(CERTIFICATE),
        "base64 of PEM with CRLF": base64.b64encode(CERTIFICATE.replace(b"\n", b"\r\n")) + b"\r\n",
    }

    @pytest.mark.parametrize("what", READ)
    def test_every_way_in_which_cosign_reads_one(self, what: str) -> None:
        assert read_certificate(self.READ[what]) == DER

    @pytest.mark.parametrize("once_more", [bytes, base64.b64encode])
    def test_a_public_key_says_nothing(self, once_more: Any) -> None:
        assert read_certificate(once_more(LAB.pem_files()["rekor.pub"])) == b""
        assert read_certificate(once_more(armoured(b"k", PUBLIC_KEY) + CERTIFICATE)) == b""

    REFUSED: dict[str, bytes] = {  # noqa: RUF012
        "nothing": b"",
        "DER": DER,
        "base64 of DER": base64.b64encode(DER),
        "base64 of base64 of PEM": base64.b64encode(base64.b64encode(CERTIFICATE)),
        "words": b"not a certificate",
        "a private key": armoured(b"secret", "PRIVATE KEY"),
        "a private key before it": armoured(b"secret", "PRIVATE KEY") + CERTIFICATE,
        "too large": armoured(bytes(MAX_CERTIFICATE + 1)),
        "a large file": CERTIFICATE + bytes(32 * MAX_CERTIFICATE),
        "half of it": CERTIFICATE[: len(CERTIFICATE) // 2],
        "spaces in base64": b" " + base64.b64encode(CERTIFICATE),
    }

    @pytest.mark.parametrize("what", REFUSED)
    def test_malformed(self, what: str) -> None:
        malformed(lambda: read_certificate(self.REFUSED[what]))

    def test_the_largest(self) -> None:
        assert len(read_certificate(armoured(bytes(MAX_CERTIFICATE)))) == MAX_CERTIFICATE

    @given(mutants(*READ.values()))
    def test_any_change_gives_a_certificate_or_our_error(self, data: bytes) -> None:
        assert refusal_of(lambda: read_certificate(data)) in UNREAD[:2]


class TestSignature:
    RAW = b"\x30\x45\x02\x21" + bytes(range(128, 196))

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
    def test_base64_as_cosign_writes_it(self, end: bytes) -> None:
        assert read_signature(base64.b64encode(self.RAW) + end) == self.RAW

    def test_the_bytes_themselves(self) -> None:
        assert read_signature(self.RAW) == self.RAW

    def test_another_spelling_is_another_signature(self) -> None:
        text = base64.b64encode(self.RAW[:-1])
        assert text.endswith(b"=")
        respelled = text[:-2] + bytes([text[-2] + 1]) + text[-1:]
        assert base64.b64decode(respelled) == self.RAW[:-1]  # to readers that look away
        assert read_signature(respelled) != self.RAW[:-1]

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            bytes(MAX_SIGNATURE + 1),
            b64(MAX_SIGNATURE + 1).encode(),
            bytes(1 << 20),
            b"QUJD" + b"\n" * (2 * MAX_SIGNATURE),
        ],
    )
    def test_its_size(self, text: bytes) -> None:
        malformed(lambda: read_signature(text))
        assert len(read_signature(b64(MAX_SIGNATURE).encode())) == MAX_SIGNATURE

    @given(st.binary(max_size=200))
    def test_any_bytes_give_a_signature_or_our_error(self, data: bytes) -> None:
        assert refusal_of(lambda: read_signature(data)) is (None if data else ReasonCode.MALFORMED)


def rekor(document: dict[str, Any] | None = None, **payload: Any) -> bytes:
    changed = {**json.loads(REKOR), **(document or {})}
    changed["Payload"] = {**changed["Payload"], **payload} if isinstance(changed["Payload"], dict) else None
    return json.dumps(changed).encode()


class TestRekorBundle:
    def test_what_cosign_writes(self) -> None:
        entry = read_rekor_bundle(REKOR)
        payload = json.loads(REKOR)["Payload"]
        assert (entry.kind, entry.version, entry.proof) == ("hashedrekord", "0.0.1", None)
        assert (entry.log_id.hex(), entry.log_index) == (payload["logID"], payload["logIndex"])
        assert (entry.integrated_time, entry.body) == (
            payload["integratedTime"],
            base64.b64decode(payload["body"]),
        )
        assert base64.b64encode(entry.promise).decode() == json.loads(REKOR)["SignedEntryTimestamp"]

    def test_the_first_entry_of_a_log(self) -> None:
        document = json.loads(REKOR)
        del document["Payload"]["logIndex"]
        assert read_rekor_bundle(json.dumps(document).encode()).log_index == 0
        assert read_rekor_bundle(rekor(logIndex=None)).log_index == 0

    REFUSED: dict[str, bytes] = {  # noqa: RUF012
        "nothing": b"",
        "null": b"null",
        "an empty object": b"{}",
        "no payload": rekor({"Payload": None}),
        "no promise": rekor({"SignedEntryTimestamp": None}),
        "an empty promise": rekor({"SignedEntryTimestamp": ""}),
        "a large promise": rekor({"SignedEntryTimestamp": b64(MAX_SIGNATURE + 1)}),
        "no time": rekor(integratedTime=None),
        "a negative time": rekor(integratedTime=-1),
        "a fraction of a time": rekor(integratedTime=1.5),
        "a negative index": rekor(logIndex=-1),
        "no log": rekor(logID=None),
        "a short log id": rekor(logID="ab"),
        "spaces in a log id": rekor(logID="ab " * 21 + "a"),
        "capitals in a log id": rekor(logID="AB" * 32),
        "a log id in base64": rekor(logID="QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=" + "=" * 20),
        "no body": rekor(body=None),
        "a body that is no JSON": rekor(body=base64.b64encode(b"{").decode()),
        "a body that is an object": rekor(body={"kind": "x"}),
        "a body without a kind": rekor(body=base64.b64encode(b'{"apiVersion":"0.0.1"}').decode()),
        "a body with a long kind": rekor(
            body=base64.b64encode(
                json.dumps({"apiVersion": "0.0.1", "kind": "x" * (MAX_TYPE_NAME + 1)}).encode()
            ).decode()
        ),
        "a body with two kinds": rekor(
            body=base64.b64encode(b'{"apiVersion":"0.0.1","kind":"a","Kind":"b"}').decode()
        ),
        "two payloads": REKOR[:-1] + b',"payload":{}}',
    }

    @pytest.mark.parametrize("what", REFUSED)
    def test_malformed(self, what: str) -> None:
        malformed(lambda: read_rekor_bundle(self.REFUSED[what]))

    @given(mutants(REKOR))
    def test_any_change_gives_an_entry_or_our_error(self, data: bytes) -> None:
        assert refusal_of(lambda: read_rekor_bundle(data)) in UNREAD[:2]


class TestTimestamp:
    def test_cosign_s_json_and_the_response_itself(self) -> None:
        assert (
            read_timestamp(STAMP) == read_timestamp(STAMP + b"\n") == read_timestamp(RAW_STAMP) == RAW_STAMP
        )

    def test_its_size(self) -> None:
        for wrap in (
            lambda raw: raw,
            lambda raw: json.dumps({"SignedRFC3161Timestamp": base64.b64encode(raw).decode()}).encode(),
        ):
            assert len(read_timestamp(wrap(b"\x30" * MAX_TIMESTAMP))) == MAX_TIMESTAMP
            malformed(lambda wrap=wrap: read_timestamp(wrap(b"\x30" * (MAX_TIMESTAMP + 1))))

    @pytest.mark.parametrize(
        "data",
        [b"", b"null", b"{}", b'{"SignedRFC3161Timestamp":""}', b'{"SignedRFC3161Timestamp":null}', b"\x31\x00",
         b'{"SignedRFC3161Timestamp":"QQ"}', base64.b64encode(RAW_STAMP),
         STAMP[:-1] + b',"signedRFC3161Timestamp":"QQ=="}'],
    )  # fmt: skip
    def test_malformed(self, data: bytes) -> None:
        with pytest.raises(VerificationError) as caught:
            read_timestamp(data)
        assert caught.value.reason is ReasonCode.MALFORMED

    @given(mutants(STAMP, RAW_STAMP))
    def test_any_change_gives_a_timestamp_or_our_error(self, data: bytes) -> None:
        assert refusal_of(lambda: read_timestamp(data)) in UNREAD[:2]
