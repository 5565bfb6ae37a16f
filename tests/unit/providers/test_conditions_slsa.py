"""Builder, source and build type of SLSA provenance. Requirement: only what a builder states of its own task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.conditions_slsa import SlsaCondition, repository
from providers.errors import ConfigurationError
from providers.identity import StringMatch

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
V02, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
APP = "https://github.com/acme/app"
GENERATOR = "https://github.com/slsa-framework/slsa-github-generator"
BUILDER = f"{GENERATOR}/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0"

FROM_APP = SlsaCondition(sources=(StringMatch(APP),))


def _v1(
    parameters: Any, dependencies: tuple[str, ...] = (), build_type: str = "https://build.example/v1"
) -> Any:
    return {
        "buildDefinition": {
            "buildType": build_type,
            "externalParameters": parameters,
            "resolvedDependencies": [{"uri": uri, "digest": {"gitCommit": "4b22"}} for uri in dependencies],
        },
        "runDetails": {"builder": {"id": BUILDER}, "metadata": {"invocationId": "1"}},
    }


def _v02(
    source: str | None, materials: tuple[str, ...] = (), build_type: str = "https://build.example/v1"
) -> Any:
    return {
        "builder": {"id": BUILDER},
        "buildType": build_type,
        "invocation": {"configSource": {} if source is None else {"uri": source, "entryPoint": "Dockerfile"}},
        "materials": [{"uri": uri} for uri in materials],
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (APP, APP),
        (f"git+{APP}@refs/heads/main", APP),
        (f"git+{APP}.git@refs/heads/a@b/c", APP),
        (f"git+{APP}@4b220de5058abfd01ff619c9d2ff6b09a049bea0", APP),
        (f"{APP}.git#refs/tags/v1:dir", APP),
        (f"{APP}/", APP),
        ("git+ssh://git@github.com/acme/app@refs/tags/v1", "ssh://git@github.com/acme/app"),
        ("https://host/team@x/evil", "https://host/team@x/evil"),
        (f"{APP}/../evil", f"{APP}/../evil"),
        (f"https://evil.test/?{APP}", f"https://evil.test/?{APP}"),
        (f"https://evil.test/@{APP}", f"https://evil.test/@{APP}"),
        ("https://github.com@evil.test/acme/app", "https://github.com@evil.test/acme/app"),
        ("https://github.com@refs/acme/app", "https://github.com@refs/acme/app"),
        ("pkg:docker/alpine@3.17", "pkg:docker/alpine"),
        ("", ""),
    ],
)
def test_repositories(uri: str, expected: str) -> None:
    assert repository(uri) == expected


GITHUB = {"workflow": {"ref": "refs/heads/main", "repository": APP, "path": ".github/workflows/build.yml"}}
DELEGATOR = f"{GENERATOR}/delegator-generic@v0"
CLOUD_BUILD = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1"


@pytest.mark.parametrize(
    ("predicate", "kind"),
    [
        pytest.param(_v1(GITHUB, (f"git+{APP}@refs/heads/main",)), V1, id="github-attestations"),
        pytest.param(_v1({"source": APP, "entryPoint": "build"}), V1, id="gitlab"),
        pytest.param(_v1({"source": {"uri": f"git+{APP}@refs/tags/v1"}}), V1, id="container-based"),
        pytest.param(
            _v1({"configSource": {"uri": f"{APP}.git#main", "path": "Dockerfile"}}, ("pkg:docker/alpine@3",)),
            V1,
            id="buildkit-v1",
        ),
        pytest.param(_v1({"buildConfigSource": {"repository": f"git+{APP}"}}), V1, id="cloud-build"),
        pytest.param(
            _v1({}, (f"git+{APP}@4b22", "gcr.io/b@sha256:0"), CLOUD_BUILD), V1, id="cloud-build-inline"
        ),
        pytest.param(_v1({"inputs": {}}, (f"git+{APP}@refs/heads/main",), DELEGATOR), V1, id="delegator-v1"),
        pytest.param(_v02(f"git+{APP}@refs/tags/v1", (f"git+{APP}@refs/tags/v1",)), V02, id="generator-v0.2"),
        pytest.param(_v02(f"{APP}.git#refs/tags/v1", ("pkg:docker/alpine@3",)), V02, id="buildkit-v0.2"),
        pytest.param(_v02(None, (f"git+{APP}@refs/heads/main",), DELEGATOR), V02, id="delegator-v0.2"),
    ],
)
def test_sources_of_real_builders(predicate: Any, kind: str) -> None:
    everything = SlsaCondition(
        builders=(StringMatch(regexp=f"{GENERATOR}/.github/workflows/generator_.*@refs/tags/v2[.].*"),),
        sources=(StringMatch("https://github.com/acme/other"), StringMatch(APP)),
        build_types=(StringMatch(regexp="https://.*"),),
    )
    assert everything.problem(predicate, kind, NOW) == ""
    elsewhere = SlsaCondition(sources=(StringMatch("https://github.com/acme"),))
    problem = elsewhere.problem(predicate, kind, NOW)
    assert problem == f"its source is '{APP}', not https://github.com/acme"


@pytest.mark.parametrize(
    ("predicate", "kind"),
    [
        pytest.param(_v1({}, (f"git+{APP}@refs/heads/main",)), V1, id="only-a-dependency-v1"),
        pytest.param(_v02(None, (f"git+{APP}@refs/heads/main",)), V02, id="only-a-material-v0.2"),
        pytest.param(
            _v1(
                {"configSource": {"path": "Dockerfile"}, "request": {"args": {"source": APP}}},
                (f"{APP}.git#v1",),
            ),
            V1,
            id="local-build-that-adds-the-repository",
        ),
        pytest.param(
            {**_v1({}), "runDetails": {"metadata": {"buildkit_metadata": {"vcs": {"source": APP}}}}},
            V1,
            id="what-the-client-claims",
        ),
        pytest.param(
            {
                **_v02(None),
                "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": {"source": APP}}},
            },
            V02,
            id="what-the-client-claims-v0.2",
        ),
        pytest.param(_v1({"inputs": GITHUB}), V1, id="what-a-caller-puts-in"),
        pytest.param(_v1({**GITHUB, "source": "https://github.com/evil/app"}), V1, id="one-right-one-wrong"),
        pytest.param(
            _v1(
                {},
                (f"git+{APP}@refs/heads/main", "git+https://github.com/evil/app@refs/heads/main"),
                DELEGATOR,
            ),
            V1,
            id="one-right-one-wrong-dependency",
        ),
        pytest.param(
            _v02(
                "git+https://github.com/evil/app@refs/heads/main", (f"git+{APP}@refs/heads/main",), DELEGATOR
            ),
            V02,
            id="triggered-elsewhere",
        ),
        pytest.param(
            _v02(
                f"git+{APP}@refs/heads/main", ("git+https://github.com/evil/app@refs/heads/main",), DELEGATOR
            ),
            V02,
            id="checked-out-from-elsewhere",
        ),
        pytest.param(_v1({"workflow": {"repository": f"{APP}-evil"}}), V1, id="longer-name"),
        pytest.param(_v1({"workflow": {"repository": APP.upper()}}), V1, id="other-case"),
        pytest.param(_v1({"workflow": {"repository": f"{APP}\0"}}), V1, id="nul"),
        pytest.param(_v1({"workflow": {"Repository": APP}}), V1, id="other-spelling"),
        pytest.param(_v1({"workflow": {"repository": APP, "Repository": APP}}), V1, id="two-spellings"),
        pytest.param(_v1({"workflow": APP}), V1, id="not-an-object"),
        pytest.param(_v1({"source": [APP]}), V1, id="a-list"),
        pytest.param(_v1(GITHUB), V02, id="version-1-called-0.2"),
        pytest.param(_v02(APP), V1, id="version-0.2-called-1"),
        pytest.param(_v1(GITHUB), "https://slsa.dev/provenance/v0.1", id="version-0.1"),
        pytest.param(_v1(GITHUB), "https://slsa.dev/provenance/v1.0", id="unknown-version"),
        pytest.param(_v1(GITHUB), "", id="no-type"),
    ],
)
def test_what_does_not_prove_the_source(predicate: Any, kind: str) -> None:
    assert FROM_APP.problem(predicate, kind, NOW)


def test_each_part_is_asked_for_by_itself_and_all_wrong_ones_are_named() -> None:
    wrong = SlsaCondition(
        (StringMatch(BUILDER[:-1]),),
        (StringMatch(f"{APP}2"),),
        (StringMatch(regexp="https://build.example"),),
    )
    problem = wrong.problem(_v1(GITHUB), V1, NOW)
    assert problem.startswith(f"it was built by '{BUILDER}', not {BUILDER[:-1]}; its source is '{APP}', not ")
    assert problem.endswith("its build type is 'https://build.example/v1', not /https://build.example/")
    assert SlsaCondition(builders=(StringMatch(BUILDER),)).problem(_v1({}), V1, NOW) == ""
    assert SlsaCondition(build_types=(StringMatch(regexp=".*/v1"),)).problem(_v02(None), V02, NOW) == ""


@pytest.mark.parametrize("kind", [V02, V1])
def test_what_is_not_stated_matches_nothing(kind: str) -> None:
    anything = (StringMatch(regexp="(?s).*"),)
    for condition in (SlsaCondition(anything), SlsaCondition((), anything), SlsaCondition((), (), anything)):
        assert "not stated" in condition.problem({}, kind, NOW)


def test_a_source_that_does_not_print_is_a_problem_whatever_matches_it() -> None:
    anything = SlsaCondition(sources=(StringMatch(regexp="(?s).*"),))
    assert anything.problem(_v1({"source": APP}), V1, NOW) == ""
    for source in (f"{APP}\0", f"{APP}\n{APP}", f"{APP}\u202e"):
        assert "not printable" in anything.problem(_v1({"source": source}), V1, NOW)


def test_a_condition_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="names no builder"):
        SlsaCondition()


@pytest.mark.parametrize("source", [f"git+{APP}", f"{APP}.git", f"{APP}@refs/heads/main", f"{APP}/"])
def test_a_source_that_could_never_match_is_refused(source: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Write {APP}[.]"):
        SlsaCondition(sources=(StringMatch(source),))
