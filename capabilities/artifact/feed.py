"""What is new: the artifacts that were kept, in the order of the log, for those who wait for them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from flows.place import Place
from flows.publish.announcement import Announcement
from flows.publish.feed import MOST_AT_ONCE, Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNew:
    """From which position of the log on, and about what."""

    after: int = field(default=0, metadata=shaped(least=0, most=10**12))
    """The position to begin at: the ``next`` of an earlier answer. The first entry of the log is at 0."""
    limit: int = field(default=50, metadata=shaped(least=1, most=MOST_AT_ONCE))
    """How many entries of the log to read at most."""
    about: str = field(default="", metadata=shaped(pattern=r"[A-Za-z0-9]{1,40}:[0-9a-f]{1,128}"))
    """The digest of a subject (sha256:…): then only artifacts about it are told, and the newest ones if there are too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArtifacts:
    """What was kept, the oldest first. A verdict is told only if a signer who counts here vouches for it."""

    log: str
    """The log's name. Positions of another log mean nothing here."""
    artifacts: tuple[Announcement, ...]
    next: int
    """The position to ask from the next time. Who keeps it, and asks from there, misses nothing."""
    size: int
    """How many entries the log has."""


@tool(title="New artifacts", scope=Scope.READ, reads_only=True)
def new_artifacts(ask: AskNew, at: Place) -> NewArtifacts:
    """Tell which artifacts were kept from a position of the log on, in its order. Keep 'next', and ask from there again:
    nothing is missed and nothing is out of order. Over MCP, subscribe to arcops://log/newest to be told when to ask.
    """
    with closing(Feed(at.settings)) as feed:
        return _answered(feed, ask, at)


def newest(at: Place, *, most: int = 50) -> NewArtifacts:
    """The *most* newest artifacts, and the position to go on from."""
    with closing(Feed(at.settings)) as feed:
        return _answered(feed, AskNew(after=max(0, feed.size() - most), limit=most), at)


def _answered(feed: Feed, ask: AskNew, at: Place) -> NewArtifacts:
    size = feed.size()
    if ask.about:
        entries = tuple(one for one in feed.about(ask.about) if one.position >= ask.after)[-ask.limit :]
        end = size
    else:
        entries, end = feed.after(ask.after, ask.limit)
    return NewArtifacts(log=feed.log, artifacts=feed.told(entries, grounds(at), at.now()), next=end, size=size)
