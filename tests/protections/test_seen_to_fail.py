"""Every protection is seen to be one: with it removed, the test that guards it fails.

Each case copies the sources, takes one protection out and runs the one test. A test that still passes guards
nothing; a text that is no longer found means that the case has to follow the code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("providers", "verifier", "pycosign", "tests", "docs", "pyproject.toml")
REQUIREMENTS = "tests/unit/test_requirements.py::test_requirement_"
FAULTY = "tests/integration/test_registry_faulty.py::test_misbehaviour_has_its_reason_within_the_deadline"


@dataclass(frozen=True)
class Removal:
    """Take ``old`` out of ``file``, put ``new`` in its place; then ``test`` has to fail."""

    file: str
    old: str
    new: str
    test: str


REMOVALS = {
    # 1
    "1 statement subject": Removal(
        "verifier/engines/sigstore/subject.py",
        "if entry.sha256 == subject.hex]",
        "]",
        f"{REQUIREMENTS}1_a_copied_signature_is_refused",
    ),
    "1 message digest": Removal(
        "verifier/engines/sigstore/subject.py",
        "if signed is None or signed.hex() != subject.hex:",
        "if signed is None:",
        f"{REQUIREMENTS}1_a_copied_signature_is_refused",
    ),
    "1 attestation for signature": Removal(
        "verifier/judge.py",
        'if facts.predicate_type in ("", COSIGN_SIGN_PREDICATE):',
        "if True:",
        f"{REQUIREMENTS}1_an_attestation_about_this_image_is_no_signature_of_it",
    ),
    # 2
    "2 resolved again": Removal(
        "verifier/core.py",
        "policies = self._find_policies(findings, findings.descriptor)",
        "findings.descriptor = self._store.resolve(subject.reference, budget); policies = (1,)",
        f"{REQUIREMENTS}2_a_tag_that_moves_is_asked_once",
    ),
    "2 the registry's word": Removal(
        "verifier/oci/registry.py",
        "digest = digest_of(answer.body)\n        if reference.digest and",
        'digest = answer.headers.get("docker-content-digest", "")\n        if reference.digest and',
        "tests/integration/test_registry_recovery.py::test_content_digest_headers_are_never_believed",
    ),
    "2 fetched content": Removal(
        "verifier/oci/registry.py",
        "if digest != descriptor.digest:",
        "if False:",
        FAULTY,
    ),
    # 5
    "5 a broken one hides": Removal(
        "verifier/conclude.py",
        "outcome = any_of([result.outcome for result in own] + unknown)",
        "outcome = all_of([result.outcome for result in own] + unknown)",
        f"{REQUIREMENTS}5_one_good_signature_suffices_in_any_order",
    ),
    "5 the first decides": Removal(
        "verifier/conclude.py",
        "outcome = any_of([result.outcome for result in own] + unknown)",
        "outcome = own[0].outcome if own else Outcome.REFUSED",
        f"{REQUIREMENTS}5_one_good_signature_suffices_in_any_order",
    ),
    "5 nothing is success": Removal(
        "verifier/verdict.py",
        "    if allowed >= threshold:",
        "    if allowed >= threshold or not listed:",
        f"{REQUIREMENTS}5_without_a_good_one_it_is_refused",
    ),
    "5 repeated keys": Removal(
        "verifier/formats/strict_json.py",
        "        if folded in seen:",
        "        if False:",
        f"{REQUIREMENTS}5_without_a_good_one_it_is_refused",
    ),
    "5 an incomplete listing": Removal(
        "verifier/conclude.py",
        "unknown = [Outcome.COULD_NOT_CHECK] if obstacle is not None else []",
        "unknown: list[Outcome] = []",
        "tests/unit/verifier/test_core.py::test_a_listing_that_breaks_off_is_never_a_refusal",
    ),
    # 7
    "7 anchors": Removal(
        "providers/policy.py",
        "self._compiled.fullmatch(text)",
        "self._compiled.search(text)",
        f"{REQUIREMENTS}7_a_pattern_matches_the_whole_identity",
    ),
    "7 linear time": Removal(
        "providers/policy.py",
        "return re2.compile(pattern, options)",
        'return __import__("re").compile(pattern)',
        "tests/unit/providers/test_policy.py::test_patterns_that_are_not_re2_are_refused",
    ),
    "7 issuer": Removal(
        "verifier/judge.py",
        "        and identity.issuer.matches(certificate.issuer)\n",
        "",
        f"{REQUIREMENTS}7_the_issuer_is_compared_too",
    ),
    "7 empty": Removal(
        "providers/policy.py",
        "if bool(self.value) == bool(self.regexp):",
        "if self.value and self.regexp:",
        f"{REQUIREMENTS}7_empty_and_backtracking_patterns",
    ),
    # 8
    "8 candidates": Removal(
        "verifier/core.py",
        "if count == MAX_CANDIDATES:",
        "if False:",
        f"{REQUIREMENTS}8_candidates_and_signatures_are_counted",
    ),
    "8 layers": Removal(
        "verifier/core.py",
        "if len(layers) > MAX_SIGNATURES_PER_ARTIFACT:",
        "if False:",
        f"{REQUIREMENTS}8_layers_of_one_artifact_are_counted",
    ),
    "8 lists": Removal(
        "verifier/formats/strict_json.py",
        "    if len(found) > limit:",
        "    if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 depth": Removal(
        "verifier/formats/strict_json.py",
        "        if depth > MAX_DEPTH:",
        "        if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 size": Removal(
        "verifier/formats/strict_json.py",
        "    if len(data) > max_size:",
        "    if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 streamed bytes": Removal(
        "verifier/oci/transport.py",
        "response.read1(min(_CHUNK, left + 1))",
        "response.read1(_CHUNK)",
        "tests/integration/test_registry_recovery.py::test_no_more_is_read_than_the_limit",
    ),
    "8 blob bytes": Removal(
        "verifier/oci/registry.py",
        "        if descriptor.size > cap:",
        "        if False:",
        "tests/integration/test_registry_honest.py::test_content_that_is_larger_than_the_cap_is_not_asked_for",
    ),
    "8 listed referrers": Removal(
        "verifier/oci/listing.py",
        "            if len(seen) == self._limits.referrers:",
        "            if False:",
        "tests/integration/test_registry_honest.py::test_past_the_cap_what_is_in_hand_comes_first",
    ),
    "8 pages": Removal(
        "verifier/oci/listing.py",
        "for page in range(self._limits.referrers_pages):",
        "for page in range(1000):",
        "tests/integration/test_registry_recovery.py::test_pages_of_a_listing_are_counted",
    ),
    "8 redirects": Removal(
        "verifier/oci/client.py",
        "for hop in range(self._limits.redirects + 1):",
        "for hop in range(1000):",
        FAULTY,
    ),
    "8 certificates": Removal(
        "verifier/formats/bundle.py",
        "limit=MAX_CERTIFICATES)",
        "limit=1000)",
        "tests/unit/formats/test_bundle.py::test_malformed",
    ),
    "8 dripped bytes": Removal(
        "verifier/oci/deadline.py",
        "watch.handle.shutdown(socket.SHUT_RDWR)",
        "pass",
        FAULTY,
    ),
    "8 requests": Removal(
        "verifier/budget.py",
        "            if self._requests_left < 0:",
        "            if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
    "8 bytes": Removal(
        "verifier/budget.py",
        "            if self._bytes_left < 0:",
        "            if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
    "8 time": Removal(
        "verifier/budget.py",
        "        if left <= 0:",
        "        if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """pytest in the copy: what the copy holds comes first on the path, before what is installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", REMOVALS)
def test_without_its_protection_a_test_fails(copy: Path, name: str) -> None:
    removal = REMOVALS[name]
    path = copy / removal.file
    whole = path.read_text("utf-8")
    assert whole.count(removal.old) == 1, f"{removal.file} holds this {whole.count(removal.old)} times"
    path.write_text(whole.replace(removal.old, removal.new), "utf-8")
    try:
        done = _run(copy, removal.test)
    finally:
        path.write_text(whole, "utf-8")
    assert done.returncode == 1, done.stdout + done.stderr  # 1: tests ran, and some failed
    assert re.search(r"^FAILED ", done.stdout, re.MULTILINE)


def test_with_every_protection_they_pass(copy: Path) -> None:
    done = _run(copy, "tests/unit/test_requirements.py")
    assert done.returncode == 0, done.stdout
