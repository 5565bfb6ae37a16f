"""What operators write about providers that stay fresh, call others, or are put together from others: the shapes
of the YAML. ``build`` makes providers of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .policy_spec import StaticPolicySpec
from .spec import Spec, StaticTrustSpec, Time
from .trust import MAX_KEYS

_DAY = 86_400.0

_Scopes = Annotated[
    list[str],
    Field(
        min_length=1, description="'registry/path' and below, 'registry', '*.domain', or '*' for the rest."
    ),
]


class TufTrustSpec(Spec):
    """The trusted root that a TUF repository publishes; refreshed in the background. One of instance and root."""

    type: Literal["tuf"]
    instance: Annotated[
        Literal["", "production", "staging", "github"],
        Field(
            description="Sigstore's own, or GitHub's, which needs root. Empty: the one that root belongs to."
        ),
    ] = ""
    root: Annotated[
        str,
        Field(
            description="Path of the TUF root.json to start from. Empty: the one embedded for the instance."
        ),
    ] = ""
    trusted_root: Annotated[
        str, Field(description="Path of a trusted_root.json to use until the repository has been read.")
    ] = ""
    mirror: Annotated[str, Field(description="http(s) URL of the repository. Empty: the instance's.")] = ""
    targets: Annotated[str, Field(description="URL of its targets. Empty: targets/ below the mirror.")] = ""
    offline: Annotated[bool, Field(description="Use no mirror: repository is all there is.")] = False
    repository: Annotated[
        str,
        Field(description="Path of a folder or tar archive with the repository, to start without network."),
    ] = ""
    target: Annotated[str, Field(max_length=200, description="Which file of it is the trusted root.")] = (
        "trusted_root.json"
    )
    cache_directory: Annotated[
        str, Field(description="Where the last known good is kept. Empty, or not writable: in memory only.")
    ] = ""
    ca_file: Annotated[str, Field(description="Authorities for the mirror besides the system's, PEM.")] = ""
    refresh_seconds: Annotated[float, Field(ge=60, le=7 * _DAY)] = 6 * 3600.0
    retry_seconds: Annotated[float, Field(ge=1, le=_DAY, description="Doubles up to refreshSeconds.")] = 60.0
    update_seconds: Annotated[float, Field(gt=0, le=600, description="Longest for one update.")] = 60.0
    max_staleness_seconds: Annotated[
        float,
        Field(gt=0, le=3650 * _DAY, description="For how long it is used when nothing confirms it."),
    ] = 7 * _DAY


class WatchedRootTrustSpec(Spec):
    """A trusted_root.json that is replaced while the program runs when the file is."""

    type: Literal["trusted-root"]
    file: Annotated[
        str, Field(min_length=1, description="Path of the trusted_root.json, relative to this file.")
    ]
    poll_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10.0


class KeySourceSpec(Spec):
    """Where a public key, or a folder of them, comes from. Exactly one of publicKey, file, folder, environment,
    kms.
    """

    name: Annotated[
        str, Field(max_length=253, description="What policies call it. Of a folder: the files' names.")
    ] = ""
    public_key: Annotated[str, Field(description="A public key in PEM.")] = ""
    file: Annotated[
        str, Field(description="Path of a public key in PEM, relative to this file; followed.")
    ] = ""
    folder: Annotated[
        str, Field(description="Each *.pub and *.pem in it is one key, called as the file; followed.")
    ] = ""
    environment: Annotated[str, Field(description="Name of a variable that holds a public key in PEM.")] = ""
    kms: Annotated[
        str, Field(description="awskms://, gcpkms://, azurekms:// or hashivault:// (docs/kms.md).")
    ] = ""
    hash: Annotated[
        Literal["", "sha256", "sha384", "sha512"],
        Field(description="Empty: what the kind of key says, or the cloud."),
    ] = ""
    valid_from: Annotated[Time, Field(description="RFC 3339. Absent: always.")] = None
    valid_until: Annotated[Time, Field(description="RFC 3339, included. Absent: for ever.")] = None


class KeysTrustSpec(Spec):
    """Public keys, kept fresh; optionally beside the trusted root of another provider, so that log entries
    count.
    """

    type: Literal["keys"]
    keys: Annotated[list[KeySourceSpec], Field(min_length=1, max_length=MAX_KEYS)]
    trusted_root: Annotated[
        AnyTrustSpec | None, Field(description="Whose trusted root counts beside the keys.")
    ] = None


class MergedPartSpec(Spec):
    """One of the providers that are merged."""

    provider: AnyTrustSpec
    take: Annotated[list[Literal["root", "keys"]], Field(min_length=1)] = ["root", "keys"]  # noqa: RUF012


class MergeTrustSpec(Spec):
    """What any of the parts trusts. While one has no answer there is none."""

    type: Literal["merge"]
    parts: Annotated[list[MergedPartSpec], Field(min_length=1)]


class NamedPartSpec(Spec):
    """One of the named providers that a route merges."""

    provider: str
    take: Annotated[list[Literal["root", "keys"]], Field(min_length=1)] = ["root", "keys"]  # noqa: RUF012


class TrustRouteSpec(Spec):
    """What is trusted for some repositories: exactly one of provider and merge."""

    scopes: _Scopes
    provider: Annotated[str, Field(description="Name of a provider.")] = ""
    merge: Annotated[list[NamedPartSpec], Field(default_factory=list, description="Several, as one.")]
    hints: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Key hint of a signature -> name of the provider to ask instead.",
        ),
    ]


class MuxTrustSpec(Spec):
    """Trusted material by repository; the most specific scope wins."""

    type: Literal["mux"]
    providers: Annotated[dict[str, AnyTrustSpec], Field(min_length=1)]
    routes: Annotated[list[TrustRouteSpec], Field(min_length=1)]


class _CalledSpec(Spec):
    timeout_seconds: Annotated[float, Field(gt=0, le=60, description="For one question.")] = 1.0
    max_concurrent: Annotated[int, Field(ge=1, le=256, description="Questions at a time.")] = 8


class PluginSpec(_CalledSpec):
    """A provider from an installed Python package (docs/plugins.md)."""

    type: Literal["plugin"]
    name: Annotated[str, Field(min_length=1, description="Of the entry point.")]
    with_: Annotated[
        dict[str, Any], Field(alias="with", default_factory=dict, description="Passed to it as it is.")
    ]


class GrpcSpec(_CalledSpec):
    """A provider in another process (docs/plugins.md)."""

    type: Literal["grpc"]
    address: Annotated[str, Field(description="unix:///path, or host:port with TLS.")]
    ca_file: Annotated[str, Field(description="PEM; required with host:port.")] = ""
    cert_file: str = ""
    key_file: str = ""


AnyTrustSpec = Annotated[
    StaticTrustSpec
    | TufTrustSpec
    | WatchedRootTrustSpec
    | KeysTrustSpec
    | MergeTrustSpec
    | MuxTrustSpec
    | PluginSpec
    | GrpcSpec,
    Field(discriminator="type"),
]


class FilesPolicySpec(Spec):
    """Policies in a folder, one ClusterVerificationPolicy to a file; followed."""

    type: Literal["files"]
    folder: Annotated[str, Field(min_length=1, description="Relative to this file.")]


class PolicyRouteSpec(Spec):
    """The policies of one provider, for the repositories it may speak for."""

    name: Annotated[
        str, Field(min_length=1, max_length=100, description="Stands before the policies' names.")
    ]
    scopes: _Scopes
    provider: AnyPolicySpec


class MuxPolicySpec(Spec):
    """The policies of several providers. All of those whose scopes match have to allow."""

    type: Literal["mux"]
    providers: Annotated[list[PolicyRouteSpec], Field(min_length=1)]


AnyPolicySpec = Annotated[
    StaticPolicySpec | FilesPolicySpec | MuxPolicySpec | PluginSpec | GrpcSpec, Field(discriminator="type")
]

for model in (KeysTrustSpec, MergedPartSpec, MergeTrustSpec, MuxTrustSpec, PolicyRouteSpec, MuxPolicySpec):
    model.model_rebuild()
