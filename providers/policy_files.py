"""What becomes of the files of a folder of policies: which version of each is in force, and why not the present
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import ConfigurationError
from .folder import Files, Found
from .life import AcceptPolicy
from .policy import Policy
from .policy_document import parse_policy, scopes_of
from .scope import Scope


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file. ``policy`` is what is in force of it, ``written`` the content that says so, ``problem`` why that
    is not what is written there now.

    Of a file that was never right, ``blocked`` is what it wants to speak for; empty where that cannot be read.
    """

    found: Found
    policy: Policy | None = None
    written: bytes = b""
    problem: str = ""
    blocked: tuple[Scope, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether nobody can say what it wants."""
        return self.policy is None and not self.blocked


def settle(
    found: Files, before: Mapping[str, PolicyFile], folder: Path, accept: AcceptPolicy
) -> dict[str, PolicyFile]:
    """What is in force of each of the files ``found``, where it was ``before`` another.

    1. A file that is the same and was right stays as it is; any other is read.
    2. What is not right leaves the policy that was in force, if there was one.
    3. A file that is gone is gone, unless there is one that nobody can read: then its policy stays, where no other
       file has it now.
    4. No two policies have one name: the file that had the name keeps it, or else the first.
    """
    files = {
        name: _examined(name, content, before.get(name), folder, accept) for name, content in found.items()
    }
    if any(file.unreadable for file in files.values()):
        present = {file.policy.name for file in files.values() if file.policy}
        for name in before.keys() - files.keys():
            gone = before[name]
            if gone.policy and gone.policy.name not in present:
                problem = f"{folder / name}: it is gone; while a file cannot be read, its policy stays"
                files[name] = replace(gone, problem=problem)
    return _without_namesakes(dict(sorted(files.items())), before, folder)


def _examined(
    name: str, found: Found, before: PolicyFile | None, folder: Path, accept: AcceptPolicy
) -> PolicyFile:
    if before is not None and before.found == found and not before.problem:
        return before
    path = str(folder / name)
    try:
        if found.problem:
            raise ConfigurationError(found.problem, file=path, remedy="Check the file and its permissions.")
        policy = parse_policy(found.content, path)
        accept(policy)
    except ConfigurationError as error:
        return _spoilt(found, before, str(error))
    except Exception as error:  # noqa: BLE001  (one file is not right, whatever the reason)
        return _spoilt(found, before, f"{path}: it cannot be used: {type(error).__name__}: {error}")
    return PolicyFile(found, policy, found.content)


def _spoilt(found: Found, before: PolicyFile | None, problem: str) -> PolicyFile:
    """A file that is not right, with what was in force of it before."""
    if before is not None and before.policy:
        return replace(before, found=found, problem=problem)
    return PolicyFile(found, problem=problem, blocked=scopes_of(found.content) or ())


def _without_namesakes(
    files: dict[str, PolicyFile], before: Mapping[str, PolicyFile], folder: Path
) -> dict[str, PolicyFile]:
    """Until all names differ: a policy takes nobody's name. Each file gives way at most twice."""
    while True:
        owners: dict[str, str] = {}
        for name, file in files.items():
            if file.policy and _had(before.get(name), file.policy.name):
                owners[file.policy.name] = name
        for name, file in files.items():
            if file.policy:
                owners.setdefault(file.policy.name, name)
        late = [name for name, file in files.items() if file.policy and owners[file.policy.name] != name]
        if not late:
            return files
        for name in late:
            file = files[name]
            owner = owners[file.policy.name] if file.policy else ""
            problem = (
                f"{folder / name}: a policy in {owner} has the name {file.policy.name!r}"
                if file.policy
                else ""
            )
            was = before.get(name)
            gives_way = was is not None and was.policy is not None and was.policy != file.policy
            files[name] = _spoilt(file.found, was if gives_way else None, problem)


def _had(before: PolicyFile | None, name: str) -> bool:
    return before is not None and before.policy is not None and before.policy.name == name
