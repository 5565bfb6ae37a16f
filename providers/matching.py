"""Who can stand for whom, nobody twice: pure counting."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def matched(choices: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The keys of ``choices`` that can all be given one of their own choices at the same time, no choice to two of
    them: a largest such set, in the order of ``choices``. Both sides are short.

    1. give each key in turn a choice that is free
    2. or one whose holder can take another: the path of those who move on augments the matching (Berge 1957)
    """
    holders: dict[str, str] = {}

    def place(key: str, tried: set[str]) -> bool:
        for choice in sorted(choices[key]):
            if choice in tried:
                continue
            tried.add(choice)
            if choice not in holders or place(holders[choice], tried):
                holders[choice] = key
                return True
        return False

    return tuple(key for key in choices if place(key, set()))
