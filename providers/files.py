"""Policies in a folder, one to a file, as they are there.

1. At the start every file has to be right.
2. From then on the folder is read again and again, and what changed takes effect together: a request is judged by
   the files as they were at one time.
3. Of a file that is not right, the last good version stays in force. If there was none, nobody knows what the file
   asks for: what it wants to speak for is could-not-check, and not left to the other policies.
4. While there is a file of which not even that can be read, no policy is taken away: it may be the new place of
   one that is gone.

`status` says which files are not in force as they are written.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .descriptor import Descriptor
from .errors import ConfigurationError, PycosignError, UnavailableError
from .folder import Files, FolderLimits, read_folder
from .life import AcceptPolicy, PolicyStatus
from .policy import Policy, select
from .policy_files import PolicyFile, settle
from .reasons import ReasonCode
from .refresh import Clock, Pace, Refresher
from .scope_index import ScopeIndex
from .subject import Subject

logger = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml", ".json")
# Four times what a large cluster has, in a ConfigMap each.
_LIMITS = FolderLimits(files=4096, file_bytes=1 << 20, all_bytes=64 << 20)
# A kubelet brings a changed ConfigMap within about a minute.
_PACE = Pace(timedelta(seconds=10), retry=timedelta(seconds=10))
# More complaints than this do not help a reader.
_SHOWN = 10


class FilesPolicyProvider:
    """The policies in one folder. Call `start` before anything else, and `stop` at the end."""

    def __init__(self, folder: Path, *, pace: Pace = _PACE, clock: Clock = lambda: datetime.now(UTC)) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._name = f"files:{folder}"
        self._accept: AcceptPolicy | None = None
        self._found: Files = {}
        self._served: _Served | None = None  # replaced as a whole, by one thread
        self._refresher = Refresher(f"the policies in {folder}", self._refresh, pace, clock)

    def start(self, accept: AcceptPolicy, *, background: bool = True) -> None:
        """Read the folder; then look at it again and again in the background. ``accept`` is asked about each new
        policy and raises ``ConfigurationError`` for what cannot be used.

        Raises:
            ConfigurationError: the folder cannot be read, holds no policy, or one that is not right.
            RuntimeError: it was started before.
        """
        if self._accept is not None:
            raise RuntimeError(f"{self._folder} is watched already")
        self._accept = accept
        try:
            self._refresher.attempt_now()
            if self._served is None or not self._served.policies:
                raise ConfigurationError(
                    "there is no policy in the folder, so everything would be refused",
                    file=str(self._folder),
                    remedy=f"Put policies there, one to a file; the names end in {', '.join(SUFFIXES)}.",
                )
        except PycosignError:
            self._accept, self._served, self._found = None, None, {}
            raise
        if background:
            self._refresher.start(at_once=False)

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """End the thread, and say whether it ended in time. Questions are answered as before."""
        return self._refresher.stop(timeout)

    def refresh(self) -> None:
        """Look at the folder now, in this thread.

        Raises:
            ConfigurationError: something there cannot be used; what is said above happens.
        """
        self._refresher.attempt_now()

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Those that speak for ``subject`` (``policy.select``); no I/O.

        Raises:
            UnavailableError: a file that was never right wants to speak for it.
        """
        del descriptor  # nothing in these policies depends on it
        served = self._served
        if served is None:
            raise UnavailableError(
                ReasonCode.POLICY_UNAVAILABLE, f"the policies in {self._folder} are not loaded"
            )
        return served.answer(subject)

    @property
    def revision(self) -> str:
        """The digest of what is in force."""
        served = self._served
        return "" if served is None else served.revision

    def status(self) -> PolicyStatus:
        """What is in force, and what is not; no I/O."""
        served, history = self._served, self._refresher.history
        return PolicyStatus(
            source=self._name,
            revision=served.revision if served else "",
            last_success=history.last_success,
            last_failure=history.last_failure,
            failure=history.failure,
            failures=history.failures,
            problems=served.problems if served else (),
            usable=served is not None,
        )

    def _refresh(self) -> None:
        """One look: what the `Refresher` attempts."""
        if self._accept is None:
            raise UnavailableError(ReasonCode.POLICY_UNAVAILABLE, f"{self._folder} is not watched yet")
        before = self._served
        found = read_folder(self._folder, SUFFIXES, _LIMITS, self._found)
        if before is not None and found == self._found and not before.problems:
            return  # what is not right is looked at again: it may be something else that was wrong
        files = settle(found, before.files if before else {}, self._folder, self._accept)
        self._served = served = _Served.of(files)
        self._found = found
        if before is not None and before.revision != served.revision:
            logger.info("%s: the policies are replaced", self._name, extra={"revision": served.revision})
        if served.problems:
            raise ConfigurationError(_listed(served.problems))


@dataclass(frozen=True, slots=True)
class _Served:
    """What is answered with. ``blocked`` is where a file that was never right wants to speak."""

    files: Mapping[str, PolicyFile]
    policies: tuple[Policy, ...]
    index: ScopeIndex[int]
    blocked: ScopeIndex[str]
    problems: tuple[str, ...]
    revision: str

    @classmethod
    def of(cls, files: Mapping[str, PolicyFile]) -> _Served:
        """``files``, in their order."""
        policies = [file.policy for file in files.values() if file.policy]
        blocked = [(scope, file.problem) for file in files.values() for scope in file.blocked]
        said = [hashlib.sha256(file.written).hexdigest() for file in files.values() if file.policy]
        said += [str(scope) for scope, _ in blocked]
        revision = "sha256:" + hashlib.sha256(repr(said).encode()).hexdigest()
        return cls(
            files,
            tuple(replace(policy, revision=revision) for policy in policies),
            ScopeIndex((scope, number) for number, policy in enumerate(policies) for scope in policy.scopes),
            ScopeIndex(blocked),
            tuple(file.problem for file in files.values() if file.problem),
            revision,
        )

    def answer(self, subject: Subject) -> tuple[Policy, ...]:
        problem = next(self.blocked.matching(subject.reference), None)
        if problem is not None:
            raise UnavailableError(
                ReasonCode.POLICY_UNAVAILABLE,
                f"a policy for {subject.reference.repository} is not right: {problem}",
            )
        matching = sorted(set(self.index.matching(subject.reference)))
        return select((self.policies[number] for number in matching), subject)


def _listed(problems: tuple[str, ...]) -> str:
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "\n".join([*problems[:_SHOWN], *more])
