"""One store of several, by scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.scope import Scope
from tests.unit.oci.layouts import Layout
from verifier.budget import Budget
from verifier.oci import StoreMux
from verifier.store import ClosingStore, Q, R, Together, in_turn

SUBJECT = Descriptor("application/x", digest_of(b"x"), 1)


class Named:
    """A store that answers with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        return Descriptor(self.name, SUBJECT.digest, 1)

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        yield Descriptor(self.name, SUBJECT.digest, 1)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        return SUBJECT, self.name.encode()

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        return self.name.encode()

    @property
    def together(self) -> Together:
        def together(
            repository: str, work: Callable[[Q], R], items: Iterable[Q]
        ) -> Iterator[tuple[Q, Callable[[], R]]]:
            assert repository.endswith(self.name) or "reg.test" not in repository
            return in_turn(repository, work, items)

        return together

    def close(self) -> None:
        self.closed += 1


def mux(*scopes: str) -> tuple[StoreMux, list[Named]]:
    stores = [Named(scope) for scope in scopes]
    return StoreMux([(Scope.parse(store.name), store) for store in stores]), stores


SCOPES = ("*", "*.test", "*.reg.test", "reg.test", "reg.test/team", "reg.test/team/app", "docker.io/nginx")


@pytest.mark.parametrize("order", [SCOPES, SCOPES[::-1]])
@pytest.mark.parametrize(
    ("repository", "scope"),
    [
        ("reg.test/team/app", "reg.test/team/app"),
        ("reg.test/team/app/sub", "reg.test/team/app"),
        ("reg.test/team/application", "reg.test/team"),
        ("reg.test/teams", "reg.test"),
        ("REG.test:443/other", "reg.test"),
        ("a.reg.test/team", "*.reg.test"),
        ("other.test/team", "*.test"),
        ("reg.example/team", "*"),
        ("docker.io/library/nginx", "docker.io/nginx"),
        ("nginx", "docker.io/nginx"),
        ("oci-layout:./image", "*"),
    ],
)
def test_the_most_specific_scope_wins_in_every_call(
    order: tuple[str, ...], repository: str, scope: str
) -> None:
    store, _ = mux(*order)
    local = repository.startswith("oci-layout:")
    reference = Reference.local(repository) if local else Reference.parse(f"{repository}:v1")
    assert store.resolve(reference, Budget(5)).media_type == scope
    assert next(store.referrers(repository, SUBJECT, (), Budget(5))).media_type == scope
    assert store.tagged(repository, "x", Budget(5)) == (SUBJECT, scope.encode())
    assert store.fetch(repository, SUBJECT, Budget(5)) == scope.encode()


def test_several_things_are_read_as_the_store_of_the_repository_reads_them() -> None:
    store, _ = mux("reg.test/a", "reg.test/b")
    assert [result() for _, result in store.together("reg.test/b", str, [1, 2])] == ["1", "2"]


def test_what_no_scope_is_for_is_asked_of_nobody() -> None:
    store, _ = mux("reg.test")
    for ask in (
        lambda: store.resolve(Reference.parse("other.test/a:v1"), Budget(5)),
        lambda: store.fetch("other.test/a", SUBJECT, Budget(5)),
        lambda: store.tagged("oci-layout:x", "y", Budget(5)),
    ):
        with pytest.raises(UnavailableError) as refused:
            ask()
        assert refused.value.reason is ReasonCode.REGISTRY_UNAVAILABLE


@pytest.mark.parametrize(
    "scopes",
    [
        (),
        ("*", "*"),
        ("reg.test", "REG.test:443"),
        ("*.test", "*.TEST"),
        ("reg.test/a", "reg.test/b", "reg.test/a"),
        ("docker.io/nginx", "docker.io/library/nginx"),
    ],
)
def test_two_stores_for_the_same_repositories_are_refused(scopes: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mux(*scopes)
    assert refused.value.remedy


def test_all_are_closed_whatever_one_does() -> None:
    class Bad(Named):
        def close(self) -> None:
            super().close()
            raise OSError

    stores: list[Named] = [Named("a.test"), Bad("b.test"), Named("c.test")]
    store = StoreMux(
        [(Scope.parse(each.name), each) for each in stores] + [(Scope.parse("reg.test"), stores[0])]
    )
    with pytest.raises(OSError):
        store.close()
    assert [each.closed for each in stores] == [1, 1, 1]


def test_a_layout_and_a_registry_side_by_side(layout: Layout) -> None:
    opened: ClosingStore = layout.open()
    other = Named("reg.test")
    store = StoreMux([(Scope.parse("*"), opened), (Scope.parse("reg.test"), other)])
    try:
        assert store.resolve(Reference.local("oci-layout:x"), Budget(5)).digest == layout.image.digest
        assert store.resolve(Reference.parse("reg.test/a:v1"), Budget(5)).media_type == "reg.test"
    finally:
        store.close()
