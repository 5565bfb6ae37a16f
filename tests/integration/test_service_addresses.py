"""Image names may not lead a service to this machine or further inside, unless it is configured so."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.subject import Subject
from pycosign.lab import Lab
from tests.faulty_registry import FaultyRegistry
from verifier.budget import Budget
from verifier.config import load
from verifier.configured import from_configuration
from verifier.verdict import Outcome

_CONFIGURATION = """\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata:
  name: test
spec:
  registry:
    {registry}
  trustedMaterialProvider:
    type: static
    trustedRoot: trusted_root.json
  policyProvider:
    type: static
    policies:
      - name: anyone
        scopes: ["*"]
        certificateIdentities:
          - subjectRegExp: .+
            issuerRegExp: .+
"""


@pytest.mark.parametrize(
    ("registry", "reached"),
    [
        ("insecurePlainHTTP: []", False),
        ("addresses: public", False),
        ("addresses: private", False),
        ("addresses: loopback", True),
    ],
)
def test_a_loopback_registry_is_asked_only_when_configured(
    tmp_path: Path, registry: str, reached: bool
) -> None:
    (tmp_path / "trusted_root.json").write_bytes(Lab().trusted_root())
    path = tmp_path / "verifier.yaml"
    path.write_text(_CONFIGURATION.format(registry=registry))
    configuration, document = load(path)
    with (
        FaultyRegistry(lambda call: call.close()) as internal,
        from_configuration(configuration.spec, document) as verifier,
    ):
        result = verifier.validate(Subject.parse(f"{internal.address}/demo/app:v1"), Budget(5))
        assert result.outcome is Outcome.COULD_NOT_CHECK
        assert (internal.connections > 0) is reached
