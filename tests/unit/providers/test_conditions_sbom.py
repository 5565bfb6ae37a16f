"""Bills of materials. Requirement: a document of a known format that names something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.conditions_sbom import SbomCondition

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPDX, CYCLONEDX = "https://spdx.dev/Document", "https://cyclonedx.org/bom"


def _spdx(*names: str) -> dict[str, Any]:
    packages = [{"SPDXID": f"SPDXRef-{number}", "name": name} for number, name in enumerate(names)]
    return {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "packages": packages}


def _cyclonedx(*names: str) -> dict[str, Any]:
    components = [{"type": "library", "name": name} for name in names]
    metadata = {"component": {"type": "container", "name": "app"}}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": metadata, "components": components}


def _spdx3(*types: str) -> dict[str, Any]:
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [{"type": kind, "name": "musl"} for kind in types],
    }


@pytest.mark.parametrize(
    ("predicate", "kind"),
    [
        (_spdx("musl"), SPDX),
        (_spdx("", "musl"), f"{SPDX}/v2.3"),
        (_spdx3("SpdxDocument", "software_Package"), SPDX),
        (_cyclonedx("musl", "zlib"), CYCLONEDX),
        (_cyclonedx("musl"), f"{CYCLONEDX}/v1.6"),
    ],
)
def test_documents_that_name_something(predicate: dict[str, Any], kind: str) -> None:
    assert SbomCondition().problem(predicate, kind, NOW) == ""


@pytest.mark.parametrize(
    ("predicate", "kind", "words"),
    [
        (_spdx(), SPDX, "names no package"),
        (_spdx("", " \t"), SPDX, "names no package"),
        ({**_spdx("a"), "packages": None}, SPDX, "names no package"),
        ({**_spdx("a"), "packages": {"name": "a"}}, SPDX, "not a list"),
        ({**_spdx("a"), "packages": ["a"]}, SPDX, "not an object"),
        ({**_spdx("a"), "packages": [{"name": 1}]}, SPDX, "not text"),
        ({**_spdx("a"), "spdxVersion": "SPDX-9.0"}, SPDX, "no version that is known"),
        ({**_spdx("a"), "Packages": []}, SPDX, "case only"),
        (_spdx3("SpdxDocument", "software_File"), SPDX, "names no package"),
        (_cyclonedx(), CYCLONEDX, "names no component"),
        ({**_cyclonedx("a"), "bomFormat": "SPDX"}, CYCLONEDX, "no CycloneDX document"),
        (_cyclonedx("a"), SPDX, "no SPDX document"),
        (_spdx("a"), CYCLONEDX, "no CycloneDX document"),
        (_spdx("a"), f"{SPDX}/evil", "not the type"),
        (_spdx("a"), f"https://evil.test/{SPDX}", "not the type"),
        (_spdx("a"), "https://slsa.dev/provenance/v1", "not the type"),
        ({"Data": _spdx("a"), "Timestamp": ""}, SPDX, "no version that is known"),
    ],
)
def test_documents_that_do_not(predicate: dict[str, Any], kind: str, words: str) -> None:
    assert words in SbomCondition().problem(predicate, kind, NOW)
