"""The configuration file: what is wrong is refused with file, line and what to do; the schema is the code's."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from providers.build import policies_of, trust_of
from providers.document import Document
from providers.errors import ConfigurationError
from providers.identity import CLAIMS
from providers.interfaces import PolicyProvider
from providers.platforms import Coverage, Platform, Platforms
from providers.policy import Mode, Policy
from providers.predicates import COSIGN_SIGN, PREDICATE_TYPES
from providers.requirement import AttestationRequirement, SigningTime
from providers.subject import Operation, Subject
from providers.verifier_config import VerifierConfig
from pycosign.lab import Lab
from pycosign.lab.identity import CLAIMS as LAB_CLAIMS
from tests.single import authority_of, demand_of
from verifier.config import ServerSpec, json_schema, load
from verifier.configured import from_configuration
from verifier.server.convert import CLAIM_FIELDS
from verifier.server.options import ServerOptions
from verifier.server.start import server_options

ROOT = Path(__file__).parents[3]
GOOD = """\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata:
  name: test
spec:
  trustedMaterialProvider:
    type: static
    trustedRoot: trusted_root.json
  policyProvider:
    type: static
    policies:
      - name: release
        scopes: [ghcr.io/org]
        certificateIdentities:
          - subject: https://ci.test/release
            issuer: https://issuer.test
        verifierConfig:
          requireSCTs: true
"""


KEY = "{name: k, file: key.pub"
WITH_KEYS = (
    GOOD[: GOOD.index("        certificateIdentities")].replace(
        "trustedRoot: trusted_root.json", f"keys: [{KEY}}}]"
    )
    + "        keys: [k]\n        verifierConfig: {unsafeIgnoreTlog: true}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    lab = Lab()
    (folder / "trusted_root.json").write_bytes(lab.trusted_root())
    for name in ("key", "release-2025", "release-2026"):
        (folder / f"{name}.pub").write_bytes(lab.pem_files()["rekor.pub"])
    return folder


def read(folder: Path, text: str) -> PolicyProvider:
    path = folder / "verifier.yaml"
    path.write_text(text, encoding="utf-8")
    configuration, document = load(path)
    spec = configuration.spec
    trust_of(spec.trusted_material_provider, document, ("spec", "trustedMaterialProvider"))
    return policies_of(spec.policy_provider, document, ("spec", "policyProvider"))


def test_a_good_file_is_read(folder: Path) -> None:
    provider = read(folder, GOOD)
    (policy,) = provider.policies(Subject.parse("ghcr.io/org/app"), None)
    assert policy.name == "release"
    assert policy.mode is Mode.ENFORCE
    assert policy.source.endswith("verifier.yaml:12")
    assert policy.revision.startswith("sha256:")
    assert provider.policies(Subject.parse("ghcr.io/other/app"), None) == ()


def test_every_field_of_a_policy_is_read(folder: Path) -> None:
    text = GOOD.replace(
        "        verifierConfig:\n          requireSCTs: true\n",
        """\
            claims:
              githubWorkflowRepository: org/app
        mode: warn
        namespaces: [prod]
        operations: [CREATE, UPDATE]
        verifierConfig:
          requireSCTs: false
          requireSignedTimestamps: true
          tlogEntriesThreshold: 2
""",
    )
    (policy,) = read(folder, text).policies(Subject.parse("ghcr.io/org/app", "prod", "CREATE"), None)
    assert policy.mode is Mode.WARN
    assert policy.operations == (Operation.CREATE, Operation.UPDATE)
    authority = authority_of(policy)
    assert not authority.verifier_config.require_scts
    assert authority.verifier_config.require_signed_timestamps
    assert authority.verifier_config.tlog_entries_threshold == 2
    assert [name for name, _ in authority.certificate_identities[0].claims] == ["githubWorkflowRepository"]


def test_keys_annotations_and_attestations_are_read(folder: Path) -> None:
    text = (
        WITH_KEYS
        + "        annotations: {env: prod, a: b}\n        attestation: {predicateTypes: [spdxjson, 'u:x']}\n"
    )
    (policy,) = read(folder, text).policies(Subject.parse("ghcr.io/org/app"), None)
    assert authority_of(policy).keys == ("k",)
    assert authority_of(policy).annotations == (("a", "b"), ("env", "prod"))
    assert demand_of(policy).attestation == AttestationRequirement((PREDICATE_TYPES["spdxjson"], "u:x"))
    assert (
        demand_of(_policy(folder, WITH_KEYS + "        attestation: {}\n")).attestation
        == AttestationRequirement()
    )


def _policy(folder: Path, text: str) -> Policy:
    (policy,) = read(folder, text).policies(Subject.parse("ghcr.io/org/app"), None)
    return policy


@pytest.mark.parametrize(
    ("said", "keys", "means"),
    [
        ("{}", False, VerifierConfig()),
        ("{}", True, VerifierConfig.for_keys()),
        ("{unsafeIgnoreTlog: true}", True, VerifierConfig.for_keys(unsafe_ignore_tlog=True)),
        (
            "{unsafeIgnoreTlog: true, requireTlogEntries: false}",
            False,
            VerifierConfig(require_tlog_entries=False, unsafe_ignore_tlog=True),
        ),
        ("{requireTlogEntries: false}", False, VerifierConfig(require_tlog_entries=False)),
        (
            "{unsafeUseCurrentTime: true}",
            False,
            VerifierConfig(require_observer_timestamps=False, unsafe_use_current_time=True),
        ),
        (
            "{requireSignedTimestamps: true}",
            True,
            VerifierConfig.for_keys(require_signed_timestamps=True),
        ),
    ],
)
def test_what_is_not_said_depends_on_who_signs(
    folder: Path, said: str, keys: bool, means: VerifierConfig
) -> None:
    text = WITH_KEYS.replace("{unsafeIgnoreTlog: true}", said)
    if not keys:
        text = GOOD.replace("\n          requireSCTs: true", f" {said}")
    assert authority_of(_policy(folder, text)).verifier_config == means


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("{}", ""),
        ("{requireTlogEntries: false}", "no log entry"),
        ("{requireSCTs: true}", "requires SCTs"),
        ("{unsafeIgnoreTlog: true, requireTlogEntries: true}", "log entries are required"),
    ],
)
def test_what_keys_cannot_have_is_refused(folder: Path, said: str, says: str) -> None:
    text = WITH_KEYS.replace("{unsafeIgnoreTlog: true}", said)
    if not says:
        assert authority_of(_policy(folder, text)).verifier_config.require_tlog_entries
        return
    with pytest.raises(ConfigurationError, match=says) as caught:
        read(folder, text)
    assert caught.value.line == 15
    assert caught.value.remedy


def _start(folder: Path, text: str) -> None:
    path = folder / "start.yaml"
    path.write_text(text, "utf-8")
    configuration, document = load(path)
    with from_configuration(configuration.spec, document):
        pass


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (WITH_KEYS.replace("keys: [k]", "keys: [k, kk]"), 14, "'kk', and no trusted key"),
        (
            WITH_KEYS.replace("keys: [k]", "keys:\n          - k\n          - kk"),
            16,
            "'kk', and no trusted key",
        ),
        (WITH_KEYS.replace("{unsafeIgnoreTlog: true}", "{}"), 12, "only a trusted root can vouch"),
        (WITH_KEYS + "        maxAge: 30d\n", 16, "only a trusted root can vouch"),
        (WITH_KEYS + "        signedAfter: 2026-01-31T00:00:00Z\n", 16, "only a trusted root can vouch"),
        (
            WITH_KEYS.replace(
                "{unsafeIgnoreTlog: true}", "{unsafeIgnoreTlog: true, requireSignedTimestamps: true}"
            ),
            12,
            "only a trusted root can vouch",
        ),
        (
            GOOD.replace("trustedRoot: trusted_root.json", f"keys: [{KEY}}}]"),
            12,
            "only a trusted root can vouch",
        ),
    ],
)
def test_policies_that_nothing_trusted_could_satisfy_are_refused(
    folder: Path, text: str, line: int, says: str
) -> None:
    """A name misspelt would deny everything, and nobody would know why."""
    _start(folder, WITH_KEYS)
    with pytest.raises(ConfigurationError, match=says) as caught:
        _start(folder, text)
    assert (Path(caught.value.file).name, caught.value.line) == ("start.yaml", line)


def test_the_documented_examples_start(folder: Path) -> None:
    examples = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs/configuration.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(examples) >= 3
    for example in examples:
        _start(folder, example)
        jsonschema.Draft202012Validator(json_schema()).validate(_as_json(example))


def _as_json(text: str) -> object:
    """Times are texts in JSON."""
    return json.loads(json.dumps(yaml.safe_load(text), default=lambda time: time.isoformat()))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("kind: Verif", "kind: Other # Verif", 2, "VerifierConfiguration"),
        ("apiVersion: pycosign.dev/v1alpha1", "apiVersion: v1", 1, "pycosign.dev/v1alpha1"),
        ("metadata:\n  name: test", "metadata:\n  nom: test", 3, "no field of this name"),
        ("trustedRoot: trusted_root.json", "trustedRoot: nowhere.json", 8, "cosign trusted-root create"),
        ("    trustedRoot: trusted_root.json\n", "", 6, "nothing is trusted"),
        (
            "static\n    trustedRoot",
            "static\n    keys: [{name: k}]\n    trustedRoot",
            8,
            "exactly one of file and",
        ),
        (
            "static\n    trustedRoot",
            f"static\n    keys: [{KEY}, validFrom: 20260131}}]\n    trustedRoot",
            8,
            "time",
        ),
        ("static\n    trustedRoot", f"static\n    keys: [{KEY}, validUntil: }}]\n    trustedRoot", 8, "time"),
        ("static\n    trustedRoot", f"static\n    keys: [{KEY}, hash: md5}}]\n    trustedRoot", 8, "sha256"),
        ("verifierConfig:\n          requireSCTs: true", "keys: [k]", 12, "for keys and for certificates"),
        ("- name: release", "- name: release\n        attestation:", 13, "no value"),
        (
            "- name: release",
            "- name: release\n        attestation: {predicateTypes: [spdx json]}",
            13,
            "not a predicate type",
        ),
        (
            "- name: release",
            f"- name: release\n        attestation: {{predicateTypes: ['{COSIGN_SIGN}']}}",
            13,
            "no type of an attestation",
        ),
        ("- name: release", "- name: release\n        annotations: {'': x}", 12, "without a name"),
        (
            "requireSCTs: true",
            "unsafeIgnoreTlog: true\n          requireTlogEntries: true",
            17,
            "log entries are",
        ),
        (
            "requireSCTs: true",
            "unsafeUseCurrentTime: true\n          requireSignedTimestamps: true",
            17,
            "proof of time is required",
        ),
        ("requireSCTs: true", "signedTimestampThreshold: 2", 17, "requireSignedTimestamps to true"),
        ("scopes: [ghcr.io/org]", "scopes: [ghcr.io/org*]", 13, "stands alone"),
        ("scopes: [ghcr.io/org]", "scopes: []", 13, "at least 1"),
        ("scopes: [ghcr.io/org]", "scopes: ghcr.io/org", 13, "list"),
        ("            issuer: https://issuer.test\n", "", 15, "issuer and issuerRegExp"),
        ("issuer: https://issuer.test", "issuer: ''", 15, "issuer and issuerRegExp"),
        ("issuer: https://issuer.test", "issuerRegExp: '('", 15, "RE2"),
        ("issuer: https://issuer.test", "issuer: a\n            issuerRegExp: b", 15, "exactly one"),
        ("requireSCTs: true", "requireSCTs: maybe", 18, "boolean"),
        ("requireSCTs: true", "requireSCTs: 'true'", 18, "boolean"),
        ("requireSCTs: true", "requireObserverTimestamps: false", 17, "proof of time"),
        ("requireSCTs: true", "tlogEntriesThreshold: 0", 17, "1 to 32"),
        ("- name: release", "- name: release\n        name: again", 13, "stands twice"),
        ("- name: release", "- name: &n release\n        namespaces: [*n]", 13, "anchors"),
        ("- name: release", "- name: release\n        unsafeIgnoreIdentities: true", 12, "ignores them"),
        ("    type: static\n    policies", "    type: folder\n    policies", 9, "files"),
        ("spec:", "spec: [", 7, "YAML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(
    folder: Path, old: str, new: str, line: int, says: str
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError) as caught:
        read(folder, GOOD.replace(old, new, 1))
    assert caught.value.file.endswith("verifier.yaml")
    assert caught.value.line == line, str(caught.value)
    assert says in str(caught.value)


MANY = """\
        authorities:
          - name: ci
            certificateIdentities:
              - {subject: ci@x.test, issuer: https://issuer.test}
          - name: security
            keys: [k]
          - name: release
            certificateIdentities:
              - {subjectRegExp: .*@release.test, issuer: https://issuer.test}
            annotations: {env: prod}
            verifierConfig: {tlogEntriesThreshold: 2}
        requirements:
          - threshold: 2
          - authorities: [ci, security]
            threshold: all
            attestation:
              predicateTypes: [slsaprovenance1]
              count: 3
              slsa: {sources: [{value: https://x.test/app}]}
              cel:
                - {name: one, expression: predicate.a == 1}
                - {expression: predicate.b == 1}
          - authorities: [release]
            attestation: {sbom: {}}
          - attestation: {vulnerabilities: {maxAge: 7d, below: high, ignoreUnfixed: true}}
        platforms: [linux/amd64, Linux/arm64/v8]
        signedAfter: 2026-01-31T00:00:00Z
        maxAge: 30d
        deny:
          digests: [sha256:BBBB, sha256:AAAA]
          certificateIdentities:
            - {subjectRegExp: .*@evil.test, issuerRegExp: .*}
          keys: [k]
""".replace("BBBB", "b" * 64).replace("AAAA", "a" * 64)
WITH_MANY = (
    GOOD[: GOOD.index("        certificateIdentities")].replace(
        "    trustedRoot", f"    keys: [{KEY}}}]\n    trustedRoot"
    )
    + MANY
)


def test_every_field_about_several_authorities_is_read(folder: Path) -> None:
    policy = _policy(folder, WITH_MANY)
    assert [authority.name for authority in policy.requirements[0].authorities] == [
        "ci",
        "security",
        "release",
    ]
    first, second, third, fourth = policy.requirements
    assert [each.threshold for each in policy.requirements] == [2, 2, 1, 1]
    ci, security, release = first.authorities
    assert (security.keys, security.verifier_config) == (("k",), VerifierConfig.for_keys())
    assert (release.annotations, release.verifier_config) == (
        (("env", "prod"),),
        VerifierConfig(tlog_entries_threshold=2),
    )
    assert second.authorities == (ci, security)
    assert first.attestation is None
    assert second.attestation is not None
    assert (second.attestation.predicate_types, second.attestation.count) == (
        (PREDICATE_TYPES["slsaprovenance1"],),
        3,
    )
    asked = [each.attestation.conditions for each in (second, third, fourth) if each.attestation]
    assert [[condition.name for condition in conditions] for conditions in asked] == [
        ["one", "predicate.b == 1", "slsa"],
        ["sbom"],
        ["vulnerabilities"],
    ]
    assert policy.platforms == Platforms(
        Coverage.LISTED, (Platform("linux", "amd64"), Platform("linux", "arm64", "v8"))
    )
    assert policy.signing_time == SigningTime(datetime(2026, 1, 31, tzinfo=UTC), timedelta(days=30))
    assert policy.denied.digests == (f"sha256:{'a' * 64}", f"sha256:{'b' * 64}")
    assert (str(policy.denied.identities[0]), policy.denied.keys) == ("/.*@evil.test/ by /.*/", ("k",))
    _start(folder, WITH_MANY)


def test_several_authorities_without_requirements_are_any_one_of_them(folder: Path) -> None:
    text = WITH_MANY.replace(MANY[MANY.index("        requirements") : MANY.index("        platforms")], "")
    (requirement,) = _policy(folder, text).requirements
    assert (len(requirement.authorities), requirement.threshold, requirement.attestation) == (3, 1, None)


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("          - name: security", "          - name: ci", "authorities:", "one name"),
        ("[ci, security]", "[ci, secure]", "- authorities: [", "'secure'"),
        ("[ci, security]", "[ci, ci]", "- authorities: [", "twice"),
        ("[ci, security]", "[]", "authorities: [", "at least 1"),
        ("threshold: all", "threshold: 3", "- authorities: [", "3 of 2"),
        ("threshold: all", "threshold: 0", "- authorities: [", "0 of 2"),
        ("threshold: all", "threshold: most", "threshold: most", "all"),
        ("threshold: all", "threshold: true", "threshold: true", "all"),
        (
            "        authorities:\n",
            "        keys: [k]\n        authorities:\n",
            "- name: release",
            "is one itself",
        ),
        (
            "        authorities:\n",
            "        verifierConfig: {}\n        authorities:\n",
            "- name: release",
            "is one",
        ),
        (
            "        authorities:\n",
            "        attestation: {}\n        authorities:\n",
            "- name: release",
            "beside",
        ),
        (
            "keys: [k]\n          - name",
            "keys: []\n          - name",
            "- name: security",
            "no identity and no key",
        ),
        ("count: 3", "count: 0", "count: 0", "greater than"),
        ("count: 3", "count: 65", "count: 65", "less than"),
        ("predicateTypes: [slsaprovenance1]", "predicateTypes: []", "predicateTypes", "at least 1"),
        (
            "predicateTypes: [slsaprovenance1]",
            "predicateTypes: [spdxjson]",
            "attestation:",
            "slsa is not read",
        ),
        ("slsa: {sources", "sbom: {}\n              slsa: {sources", "attestation:", "at once"),
        ("slsa: {sources: [{value: https://x.test/app}]}", "slsa: {}", "slsa", "names no builder"),
        ("slsa: {sources: [{value: https://x.test/app}]}", "slsa: {sources: []}", "slsa", "at least 1"),
        ("[{value: https://x.test/app}]", "[{value: a, regExp: b}]", "slsa", "either a value or a pattern"),
        ("sbom: {}", "sbom:", "attestation: {sbom", "no value"),
        ("expression: predicate.a == 1", "expression: predicate.a ==", "- {name: one", "CEL"),
        ("expression: predicate.a == 1", "expression: 'true'", "- {name: one", "predicate"),
        ("maxAge: 7d", "maxAge: 7 days", "maxAge: 7 days", "pattern"),
        ("below: high", "below: worse", "below: worse", "critical"),
        ("[linux/amd64, Linux/arm64/v8]", "[]", "platforms", "Write 'index'"),
        ("[linux/amd64, Linux/arm64/v8]", "all", "platforms", "every"),
        ("[linux/amd64, Linux/arm64/v8]", "[linux]", "platforms", "not a platform"),
        ("[linux/amd64, Linux/arm64/v8]", "[linux/amd64, linux/x86_64]", "platforms", "twice"),
        ("signedAfter: 2026-01-31T00:00:00Z", "signedAfter: 2026-01-31", "signedAfter", "zone"),
        ("signedAfter: 2026-01-31T00:00:00Z", "signedAfter:", "signedAfter", "time"),
        ("        maxAge: 30d", "        maxAge: ''", "        maxAge: ''", "pattern"),
        ("        maxAge: 30d", "        maxAge: 0d", "        maxAge: 0d", "pattern"),
        ("        maxAge: 30d", "        maxAge: 99999d", "        maxAge: 99999d", "at most"),
        ("digests: [", "digests: [sha256:x, ", "digests", "digest"),
        ("issuerRegExp: .*}", "issuerRegExp: '('}", "- {subjectRegExp: .*@evil", "RE2"),
        (", issuerRegExp: .*}", "}", "- {subjectRegExp: .*@evil", "issuer"),
        ("        deny:\n", "        deny:\n          key: k\n", "key: k", "no field"),
    ],
)
def test_what_is_wrong_about_several_authorities_is_refused_with_its_line(
    folder: Path, old: str, new: str, at: str, says: str
) -> None:
    assert WITH_MANY.count(old) >= 1
    text = WITH_MANY.replace(old, new, 1)
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    assert caught.value.line is not None
    assert at in text.splitlines()[caught.value.line - 1], str(caught.value)
    assert says in str(caught.value)
    assert caught.value.remedy or "CEL" in says


def test_an_authority_that_is_never_asked_is_refused(folder: Path) -> None:
    """Its owner would think that nothing passes without it."""
    listed = MANY[MANY.index("        requirements") : MANY.index("        platforms")]
    text = WITH_MANY.replace(listed, "        requirements:\n          - authorities: [ci, security]\n")
    with pytest.raises(ConfigurationError, match="'release'") as caught:
        read(folder, text)
    assert caught.value.line is not None
    assert "- name: release" in text.splitlines()[caught.value.line - 1]
    read(folder, text.replace("[ci, security]", "[ci, security]\n          - authorities: [release]"))


@pytest.mark.parametrize("field", ["requirements", "authorities"])
def test_an_empty_list_is_not_the_same_as_none(folder: Path, field: str) -> None:
    """A template that fills in nothing would ask for nothing, or for something else."""
    with pytest.raises(ConfigurationError, match="at least 1"):
        read(folder, GOOD + f"        {field}: []\n")


def test_authorities_that_name_one_signer_cannot_both_be_asked_for(folder: Path) -> None:
    text = WITH_MANY.replace(
        "certificateIdentities:\n              - {subject: ci@x.test, issuer: https://issuer.test}",
        "keys: [k]",
    )
    with pytest.raises(ConfigurationError, match="1 different signer") as caught:
        read(folder, text)
    assert "lower the threshold" in caught.value.remedy


def test_a_denied_key_that_nobody_trusts_is_refused_at_start(folder: Path) -> None:
    """A name misspelt on a deny list would deny nothing."""
    text = WITH_MANY.replace("keys: [k]\n" if WITH_MANY.endswith("keys: [k]\n") else "", "keys: [k]\n")
    head, _, tail = text.rpartition("keys: [k]")
    with pytest.raises(ConfigurationError, match="denies key 'kk'") as caught:
        _start(folder, f"{head}keys: [k, kk]{tail}")
    assert caught.value.line == len(text.splitlines())


@pytest.mark.parametrize("text", ["", "- a list\n", "text", "a: 1\n---\nb: 2\n", "1: 2\n", "a: \x01\n"])
def test_what_is_no_single_mapping_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(folder, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ConfigurationError, match="larger"):
        load(path)


def test_two_policies_of_one_name(folder: Path) -> None:
    policies = GOOD[GOOD.index("      - name") :]
    with pytest.raises(ConfigurationError, match="two policies"):
        read(folder, GOOD + policies)


def test_the_published_schema_is_the_code() -> None:
    """When this fails, write ``json_schema()`` to the file: its fields have changed."""
    published = json.loads((ROOT / "docs/schema/verifier-configuration.v1alpha1.json").read_text("utf-8"))
    assert published == json_schema()
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.Draft202012Validator(published).validate(yaml.safe_load(GOOD))
    for old, new in [("ghcr.io/org", "[]"), ("static", "files"), ("requireSCTs: true", "unknown: 1")]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(published).validate(yaml.safe_load(GOOD.replace(old, new, 1)))


def test_the_defaults_of_the_server_are_stated_once_in_effect() -> None:
    """The file and the server's own options name the same values."""
    document = Document.parse(b"spec: {server: {}}\n", "test.yaml")
    assert server_options(ServerSpec(), document) == ServerOptions()


def test_every_field_is_documented() -> None:
    """docs/configuration.md names every property of the schema."""
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    schema = json_schema()
    properties = {name for part in schema["$defs"].values() for name in part["properties"]}
    missing = {name for name in properties if f"`{name}`" not in text and f".{name}`" not in text}
    assert missing == set()


def test_what_is_weakened_is_said_at_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = GOOD.replace("requireSCTs: true", "requireSCTs: false").replace(
        "spec:\n", "spec:\n  registry: {insecurePlainHTTP: ['127.0.0.1:5000']}\n", 1
    )
    identities = text[text.index("        certificateIdentities") : text.index("        verifierConfig")]
    path = folder / "weak.yaml"
    path.write_text(text.replace(identities, "        unsafeIgnoreIdentities: true\n"), "utf-8")
    configuration, document = load(path)
    with from_configuration(configuration.spec, document):
        warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [
        word for word in ("unsafeIgnoreIdentities", "requireSCTs", "127.0.0.1:5000") if word in str(warned)
    ] == [
        "unsafeIgnoreIdentities",
        "requireSCTs",
        "127.0.0.1:5000",
    ]
    caplog.clear()
    path.write_text(GOOD, "utf-8")
    configuration, document = load(path)
    with from_configuration(configuration.spec, document):
        assert caplog.records == []


def test_claims_are_called_the_same_everywhere() -> None:
    """In policies, on the wire, and in the certificates that the lab makes."""
    assert set(CLAIM_FIELDS) == CLAIMS
    assert set(LAB_CLAIMS) == CLAIMS
