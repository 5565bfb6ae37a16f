"""Other people's providers, held to the contract: whatever they do, they cost their own scope its answer, and
nobody else anything.

1. Each question is asked behind a bulkhead, with a time limit: what hangs or raises is could-not-check.
2. What is answered is checked before it counts: its type, and whether engines, or the rest of the configuration,
   can use it.
3. The revision of trusted material is made from its content, whatever it is called there.
4. What may be answered, and the revision of policies, are kept from one time to the next: who asks for them waits
   for nobody.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from .answers import Answers, shown, told_of
from .bulkhead import Bulkhead
from .descriptor import Descriptor
from .errors import ConfigurationError, PycosignError
from .interfaces import PolicyProvider, TrustedMaterialProvider
from .life import AcceptPolicy, PolicyStatus
from .policy import Policy
from .reasons import ReasonCode
from .refresh import Accept, Clock, Pace, Refresher, TrustStatus, require_accepted
from .subject import Subject
from .trust import TrustedMaterial

logger = logging.getLogger(__name__)

# What may be answered is for reports; what is answered is asked for each time.
_PACE = Pace(timedelta(minutes=1), retry=timedelta(seconds=10))
# Materials that were accepted: one for each tenant, with the one before it. When there are more, each is looked at
# anew.
_KEPT = 256
# Seconds to say goodbye, for who is in a hurry.
_AT_LEAST = 0.01


def _now() -> datetime:
    return datetime.now(UTC)


class GuardedTrustedMaterialProvider:
    """Somebody else's provider of trusted material. Call `start` before anything else, and `stop` at the end."""

    def __init__(
        self,
        name: str,
        provider: TrustedMaterialProvider,
        bulkhead: Bulkhead,
        *,
        starts_without: bool = False,
        pace: Pace = _PACE,
        clock: Clock = _now,
    ) -> None:
        """Nothing is asked yet.

        Args:
            name: what it is called in results; the source that it names itself stands after it.
            provider: what is asked. Where it has methods ``start`` and ``stop``, they are called.
            bulkhead: what stands between.
            starts_without: whether to start where it does not answer: then its scope has to wait for it.
            pace: how often it is asked what it may answer with.
            clock: the time.
        """
        self._name = name
        self._provider = provider
        self._bulkhead = bulkhead
        self._starts_without = starts_without
        self._clock = clock
        self._accept: Accept | None = None
        self._accepted: dict[TrustedMaterial, TrustedMaterial] = {}
        self._materials: tuple[TrustedMaterial, ...] = ()
        self._answers = Answers(name, bulkhead)
        self._refresher = Refresher(f"what {name} may answer with", self._refresh, pace, clock)

    def start(self, accept: Accept, *, background: bool = True) -> None:
        """Let it start, and have accepted what it may answer with. ``accept`` is asked about each new material.

        Raises:
            ConfigurationError: it does not start, or engines cannot use what it answers with.
            RuntimeError: it was started before.
        """
        if self._accept is not None:
            raise RuntimeError(f"{self._name} was started before")
        self._accept = accept
        try:
            _start(self._name, self._provider)
            if not self._starts_without:
                self._refresher.attempt_now()
        except PycosignError as error:
            self._accept = None
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{self._name} does not start: {error}") from error
        if background:
            self._refresher.start(at_once=self._starts_without)

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """Let it stop, and say whether everything ended in time."""
        return all([self._refresher.stop(timeout), _stop(self._name, self._provider, timeout)])

    def refresh(self) -> None:
        """Ask what it may answer with, now, in this thread.

        Raises:
            PycosignError: it does not say, or it cannot be used.
        """
        self._refresher.attempt_now()

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """What it answers.

        Raises:
            UnavailableError: it has no answer, or none that can be used.
        """
        try:
            answer = self._bulkhead.run(
                lambda: self._provider.trusted_material(subject, artifact_descriptor, key_hint)
            )
            checked = self._checked(answer)
        except Exception as error:  # noqa: BLE001  (it may do what it likes)
            self._answers.fail(error, self._clock())
        self._answers.succeed(self._clock())
        return checked

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """What it last said that it may answer with; no I/O."""
        return self._materials

    def status(self) -> TrustStatus:
        """What it may answer with, and what became of the questions; no I/O."""
        newest = max(self._materials, key=lambda material: material.loaded_at, default=None)
        history, answers, now = self._refresher.history, self._answers, self._clock()
        success = max((at for at in (history.last_success, answers.last_success) if at), default=None)
        failure = max((at for at in (history.last_failure, answers.last_failure) if at), default=None)
        usable = success is not None and (failure is None or success >= failure)
        return TrustStatus(
            source=self._name,
            revision=newest.revision if newest else "",
            last_success=success,
            last_failure=failure,
            failure=answers.failure if failure == answers.last_failure else history.failure,
            failures=0 if usable else max(history.failures, answers.failures),
            age=now - newest.loaded_at if newest else timedelta(0),
            expires=None,
            usable=usable,
        )

    def _refresh(self) -> None:
        """What the `Refresher` attempts."""
        try:
            answered = tuple(self._bulkhead.run(self._provider.materials))
        except PycosignError:
            raise
        except Exception as error:
            raise self._bulkhead.unavailable(told_of(error)) from error
        self._materials = tuple(self._checked(material) for material in answered)

    def _checked(self, material: object) -> TrustedMaterial:
        """``material``, under a revision of our own making. Each content is accepted once.

        Raises:
            ConfigurationError: it cannot be used.
            UnavailableError: it is none.
        """
        if not isinstance(material, TrustedMaterial):
            raise self._bulkhead.unavailable(f"it answered with a {type(material).__name__}")
        if self._accept is None:
            raise self._bulkhead.unavailable("it was not started")
        known = self._accepted.get(material)
        if known is not None:
            return known
        source = f"{self._name}: {shown(str(material.source))}"
        checked = TrustedMaterial.of(source, material.trusted_root, material.loaded_at, material.keys)
        require_accepted(self._accept, checked)
        if len(self._accepted) >= _KEPT:
            self._accepted = {}
        self._accepted[material] = checked
        return checked


class GuardedPolicyProvider:
    """Somebody else's provider of policies. Call `start` before anything else, and `stop` at the end."""

    def __init__(
        self, name: str, provider: PolicyProvider, bulkhead: Bulkhead, *, clock: Clock = _now
    ) -> None:
        """Nothing is asked yet.

        Args:
            name: what it is called in reports.
            provider: what is asked. Where it has methods ``start`` and ``stop``, they are called.
            bulkhead: what stands between.
            clock: the time.
        """
        self._name = name
        self._provider = provider
        self._bulkhead = bulkhead
        self._clock = clock
        self._accept: AcceptPolicy | None = None
        self._revision = ""
        self._answers = Answers(name, bulkhead)

    def start(self, accept: AcceptPolicy, *, background: bool = True) -> None:
        """Let it start. ``accept`` is asked about each policy of each answer.

        Raises:
            ConfigurationError: it does not start.
            RuntimeError: it was started before.
        """
        del background  # there is nothing to keep fresh
        if self._accept is not None:
            raise RuntimeError(f"{self._name} was started before")
        _start(self._name, self._provider)
        try:
            self._revision = self._bulkhead.run(lambda: self._provider.revision)
        except Exception as error:
            raise ConfigurationError(f"{self._name} cannot say its revision: {told_of(error)}") from error
        self._accept = accept

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """Let it stop, and say whether it did in time."""
        return _stop(self._name, self._provider, timeout)

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """What it answers.

        Raises:
            UnavailableError: it has no answer, or none that can be used.
        """
        try:
            answer, revision = self._bulkhead.run(
                lambda: (self._provider.policies(subject, descriptor), self._provider.revision)
            )
            checked = self._checked(answer)
        except Exception as error:  # noqa: BLE001  (it may do what it likes)
            self._answers.fail(error, self._clock())
        self._revision = revision
        self._answers.succeed(self._clock())
        return checked

    @property
    def revision(self) -> str:
        """That of the last answer."""
        return self._revision

    def status(self) -> PolicyStatus:
        """What became of the questions; no I/O."""
        answers = self._answers
        return PolicyStatus(
            source=self._name,
            revision=self._revision,
            last_success=answers.last_success,
            last_failure=answers.last_failure,
            failure=answers.failure,
            failures=answers.failures,
            usable=self._accept is not None and not answers.failures,
        )

    def _checked(self, answer: object) -> tuple[Policy, ...]:
        if self._accept is None:
            raise self._bulkhead.unavailable("it was not started")
        if not isinstance(answer, tuple):
            raise self._bulkhead.unavailable(
                f"it answered with a {type(answer).__name__}, and not with a tuple"
            )
        for policy in answer:
            if not isinstance(policy, Policy):
                raise self._bulkhead.unavailable(f"a {type(policy).__name__} is among its policies")
            self._accept(policy)
        names = [policy.name for policy in answer]
        if len(set(names)) != len(names):
            raise self._bulkhead.unavailable("two of its policies have one name")
        return answer


def _start(name: str, provider: object) -> None:
    start = getattr(provider, "start", None)
    if start is not None:
        try:
            start()
        except Exception as error:
            raise ConfigurationError(f"{name} does not start: {told_of(error)}") from error


def _stop(name: str, provider: object, timeout: timedelta) -> bool:
    stop = getattr(provider, "stop", None)
    if stop is None:
        return True
    try:
        seconds = max(timeout.total_seconds(), _AT_LEAST)
        Bulkhead(name, ReasonCode.INTERNAL_ERROR, limit=1, seconds=seconds).run(stop)
    except Exception:
        logger.exception("%s does not stop", name)
        return False
    return True
