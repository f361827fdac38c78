"""The rules that a history must obey: pure functions from calls to violations.

R1  what is shown is what was uploaded: the same bytes, the same type; a rendering has one face
R2  a read never shows a state older than the write whose token it carries
R3  nothing shows an image after it was acknowledged that it is deleted, or hidden
R4  what was seen to be gone when it was to be deleted or hidden is gone for good
R5  unknowns settle: in the end all readers agree, on a state that the writes can have led to
R6  the stores hold what the rows say and nothing else (see audit.py)
P4  without a token a change is visible soon, where the scenario says how soon
C   answers are what the OpenAPI document says (see scenarios/conformance.py)
A   what a fault does not touch goes on: the ratio of successes that the scenario states; and enough was tried
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from tests.chaos.history import NGINX, TAKES_AWAY, Call, History, Outcome, Shown

SETTLED = 15.0
"""Seconds after which what one reader knows to be gone must be gone at every other, acknowledged or not: more than
the greatest lag at which a replica is read."""


class Violation(msgspec.Struct, frozen=True):
    """A rule that was broken, how, and by which calls."""

    rule: str
    what: str
    calls: tuple[Call, ...] = ()


class Promise(msgspec.Struct, frozen=True):
    """That of certain calls, made while a fault was at work, at least so many succeed."""

    what: str
    ratio: float
    actions: tuple[str, ...]
    targets: tuple[str, ...] = (NGINX,)
    least: int = 20

    def covers(self, call: Call) -> bool:
        """Whether it speaks of this call."""
        return call.action in self.actions and call.target in self.targets


class Images:
    """A history's calls by image."""

    def __init__(self, history: History) -> None:
        self.run = history.run
        self.calls = sorted(history.calls, key=lambda call: call.start)
        self.by_number = {call.number: call for call in self.calls}
        acknowledged = (call for call in self.calls if call.action == "upload" and call.outcome is Outcome.OK)
        self.uploads: dict[str, Call] = {}
        for call in sorted(acknowledged, key=lambda call: call.end):
            self.uploads.setdefault(call.name, call)
        self.attempts: dict[str, list[Call]] = defaultdict(list)
        self.writes: dict[str, list[Call]] = defaultdict(list)
        self.reads: dict[str, list[tuple[Call, Shown | None]]] = defaultdict(list)
        for call in self.calls:
            self._sort(call)
        self.ids = {call.image: name for name, call in self.uploads.items()}
        for showing in self.reads.values():
            for _, shown in showing:
                if shown is not None:
                    self.ids.setdefault(shown.image, shown.name)

    def _sort(self, call: Call) -> None:
        if call.action == "upload":
            self.attempts[call.name].append(call)
        elif not call.is_read:
            self.writes[call.image].append(call)
        elif call.action == "list":
            for shown in call.shown:
                self.reads[shown.image].append((call, shown))
        else:
            self.reads[call.image].append((call, call.shown[0] if call.shown else None))

    def upload_of(self, image: str) -> Call | None:
        """The upload that was acknowledged with this id."""
        call = self.uploads.get(self.ids.get(image, ""))
        return call if call is not None and call.image == image else None

    def removals(self, image: str, outcome: Outcome | None = None) -> list[Call]:
        """Deletions, and hidings, that may have happened, or those with one outcome."""
        found = (call for call in self.writes[image] if call.action in TAKES_AWAY)
        return [call for call in found if (call.outcome is outcome if outcome else call.outcome is not Outcome.FAIL)]

    def removal_began(self, image: str) -> float:
        """When it was first asked for that the image be gone, and that may have happened."""
        return min((call.start for call in self.removals(image)), default=float("inf"))

    def acknowledged(self, image: str) -> list[Call]:
        """Writes of an image that were acknowledged, its upload among them."""
        upload = self.upload_of(image)
        return [*filter(None, (upload,)), *(call for call in self.writes[image] if call.outcome is Outcome.OK)]

    def must_be_seen(self, image: str, read: Call) -> list[Call]:
        """Writes of an image that a read's token speaks for: its own, and all acknowledged before that one began."""
        own = self.by_number.get(read.token)
        if own is None:
            return []
        return [call for call in self.acknowledged(image) if call is own or call.end <= own.start]


def shows(call: Call, shown: Shown | None) -> bool:
    """Whether a read gave its image: as a view, in a list, or its bytes."""
    return shown is not None or (call.status in {200, 206} and call.action != "list")


def check(history: History, *, fresh_within: float | None = None, promises: Iterable[Promise] = ()) -> list[Violation]:
    """All violations of a history, by rule. `fresh_within` is in seconds; None where nothing is promised."""
    images = Images(history)
    rules: list[Callable[[Images], Iterator[Violation]]] = [unexpected, same_bytes, one_face, tokens, lists_with_tokens]
    rules += [final_deletions, gone_for_good, settled, converged]
    found = [violation for rule in rules for violation in rule(images)]
    if fresh_within is not None:
        found += fresh(images, fresh_within)
    return found + list(available(history, promises))


def unexpected(images: Images) -> Iterator[Violation]:
    """No well-meant request is refused, and nothing is shown that nobody uploaded."""
    for call in images.calls:
        if 400 <= call.status < 500 and not (call.status == 404 and (call.is_read or images.removals(call.image))):
            yield Violation("A", f"a request that was in order got {call.status} {call.said}", (call,))
    for image, name in images.ids.items():
        if name not in images.attempts and name.startswith(images.run):
            shown = [call for call, entry in images.reads[image] if entry is not None]
            yield Violation("R1", f"an image is shown that nobody uploaded: {name}", tuple(shown[:1]))


def same_bytes(images: Images) -> Iterator[Violation]:
    """R1 of originals and of what is said about them."""
    for name, attempts in images.attempts.items():
        for call in attempts:
            yield from (
                Violation("R1", "the upload was acknowledged as other bytes", (call,))
                for shown in call.shown
                if (shown.sha256, shown.kind) != (call.sha256, call.kind) or shown.name != name
            )
    for image, reads in images.reads.items():
        attempts = images.attempts.get(images.ids.get(image, ""), [])
        if not attempts:
            continue
        sent = attempts[0]
        for call, shown in reads:
            if shown is not None and (shown.sha256, shown.kind) != (sent.sha256, sent.kind):
                yield Violation("R1", "an image is shown with another checksum or type", (sent, call))
            has_bytes = call.action == "file" and call.status == 200 and call.target == NGINX
            if has_bytes and (call.sha256, call.kind) != (sent.sha256, sent.kind):
                yield Violation("R1", "a file has other bytes or another type than were uploaded", (sent, call))


def one_face(images: Images) -> Iterator[Violation]:
    """R1 of renderings: whoever made them, and however often, they are the same bytes."""
    first: dict[tuple[str, str, str], Call] = {}
    for call in images.calls:
        if call.action == "thumbnail" and call.status == 200 and call.sha256:
            seen = first.setdefault((call.image, call.variant, call.kind), call)
            if seen.sha256 != call.sha256:
                yield Violation("R1", "one rendering has two faces", (seen, call))


def tokens(images: Images) -> Iterator[Violation]:
    """R2 of single images."""
    for image, reads in list(images.reads.items()):
        upload = images.upload_of(image)
        for call, shown in reads:
            due = images.must_be_seen(image, call)
            if not due:
                continue
            if call.is_gone and upload in due and images.removal_began(image) > call.end:
                yield Violation("R2", "with its token an image is not found", (upload, call) if upload else (call,))
            newest = max(due, key=_version)
            if shown is not None and shown.version < _version(newest):
                yield Violation("R2", f"version {shown.version} is shown to the token of a later one", (newest, call))


def _version(write: Call) -> int:
    return write.shown[0].version if write.shown else 0


def lists_with_tokens(images: Images) -> Iterator[Violation]:
    """R2 of lists: the page holds what the token speaks for, unless it is full of newer ones."""
    for call in images.calls:
        own = images.by_number.get(call.token)
        if call.action != "list" or call.status != 200 or own is None:
            continue
        listed = {shown.image for shown in call.shown}
        oldest = min((shown.created for shown in call.shown), default=0.0) if call.full else 0.0
        for upload in images.uploads.values():
            due = upload is own or upload.end <= own.start
            missing = due and upload.image not in listed and upload.shown[0].created >= oldest
            if missing and images.removal_began(upload.image) > call.end:
                yield Violation("R2", "with its token a list leaves an image out", (upload, call))


def final_deletions(images: Images) -> Iterator[Violation]:
    """R3: a 204 is the end, and so is the 200 that says that an image is private."""
    for image in list(images.writes):
        for end in images.removals(image, Outcome.OK):
            for call, shown in images.reads[image]:
                if call.start > end.end and shows(call, shown):
                    what = f"shown {call.start - end.end:.3f} s after it was acknowledged to be gone"
                    yield Violation("R3", what, (end, call))
            for call in images.writes[image]:
                is_late = end.action == "delete" and call.start > end.end and call.outcome is Outcome.OK
                if is_late and call.action in {"patch", "hide"}:
                    yield Violation("R3", "changed after its deletion was final", (end, call))


def gone_for_good(images: Images) -> Iterator[Violation]:
    """R4. A reader that has shown an image, or is asked with its token, and says it is gone, has heard that it is.

    From then on that reader never shows it again, and after `SETTLED` seconds nobody does.
    """
    for image in list(images.writes):
        began = images.removal_began(image)
        knew: set[str] = set()
        gone: dict[str, Call] = {}
        for call, shown in images.reads[image]:
            if shows(call, shown):
                knew.add(call.target)
                for first in gone.values():
                    wait = 0.0 if first.target == call.target != NGINX else SETTLED
                    if call.start > first.end + wait:
                        yield Violation("R4", "shown again after it was gone", (first, call))
                        break
            elif call.is_gone and call.start > began and (call.target in knew or images.must_be_seen(image, call)):
                gone.setdefault(call.target, call)


def settled(images: Images) -> Iterator[Violation]:
    """R5: all readers agree, and what they agree on can have come about. Who was asked again means its last answer."""
    for image in list(images.ids):
        views = [(call, shown) for call, shown in images.reads[image] if call.after and call.action == "view"]
        last = list({call.target: (call, shown) for call, shown in views}.values())
        states = {(call.status, shown and shown.version) for call, shown in last}
        calls = tuple(call for call, _ in last)
        if len(states) > 1:
            yield Violation("R5", "readers don't agree in the end", calls)
        elif states:
            yield from _possible(images, image, *last[0])
        elif images.upload_of(image) is not None and any(call.after for call in images.calls):
            yield Violation("R5", "an acknowledged image was not looked at in the end", calls)


def _possible(images: Images, image: str, last: Call, shown: Shown | None) -> Iterator[Violation]:
    upload = images.upload_of(image)
    if shown is None:
        if upload is not None and not images.removals(image):
            yield Violation("R5", "an acknowledged image is lost", (upload, last))
        return
    if images.removals(image, Outcome.OK):
        yield Violation(
            "R5", "an image that was taken away is there in the end", (*images.removals(image, Outcome.OK), last)
        )
    attempts = images.attempts.get(shown.name, [])
    if attempts and all(call.outcome is Outcome.FAIL for call in attempts):
        yield Violation("R5", "an upload that was refused is there in the end", (*attempts, last))
    patches = [call for call in images.writes[image] if call.action == "patch" and call.outcome is not Outcome.FAIL]
    done = [call for call in patches if call.outcome is Outcome.OK]
    if done and shown.version < max(map(_version, done)):
        yield Violation("R5", "an acknowledged change is lost", (max(done, key=_version), last))
    unknown = {call.words for call in patches if call.outcome is Outcome.UNKNOWN}
    words = max(done, key=_version).words if done else ""
    if shown.words not in unknown | {words}:
        yield Violation("R5", f"the words are {shown.words!r}, not {words!r}", (*patches, last))


def converged(images: Images) -> Iterator[Violation]:
    """R5 of uploads with an Idempotency-Key, and of the others: one name is one image (P6)."""
    ids: dict[str, set[str]] = defaultdict(set)
    for image, name in images.ids.items():
        ids[name].add(image)
    for name, attempts in images.attempts.items():
        ids[name] |= {call.image for call in attempts if call.outcome is Outcome.OK}
        if len(ids[name]) > 1:
            seen = [call for image in ids[name] for call, shown in images.reads[image] if shown is not None][:2]
            yield Violation("R5", f"one upload became {len(ids[name])} images", (*attempts, *seen))


def fresh(images: Images, within: float) -> Iterator[Violation]:
    """P4: `within` seconds after a write was acknowledged nobody needs a token to see it."""
    for image, reads in list(images.reads.items()):
        upload, began = images.upload_of(image), images.removal_began(image)
        acknowledged = images.acknowledged(image)
        for call, shown in reads:
            due = [
                write for write in acknowledged if write.action not in TAKES_AWAY and write.end + within < call.start
            ]
            if call.is_gone and upload in due and began > call.end:
                yield Violation("P4", f"not found {call.start - due[0].end:.1f} s after its upload", (due[0], call))
            newest = max(due, key=_version, default=None)
            if newest is not None and shown is not None and shown.version < _version(newest):
                yield Violation("P4", f"an old version {call.start - newest.end:.1f} s later", (newest, call))


def available(history: History, promises: Iterable[Promise]) -> Iterator[Violation]:
    """A: what was promised to go on went on, and the run has tried enough to tell."""
    for promise in promises:
        covered = [call for call in history.calls if promise.covers(call) and history.in_fault(call)]
        failed = [call for call in covered if call.outcome is not Outcome.OK]
        if len(covered) < promise.least:
            yield Violation("A", f"{promise.what}: only {len(covered)} calls were made, too few to tell")
        elif len(failed) > (1 - promise.ratio) * len(covered):
            ratio = 1 - len(failed) / len(covered)
            what = f"{promise.what}: {ratio:.3f} of {len(covered)} succeeded, {promise.ratio:.3f} are promised"
            yield Violation("A", what, tuple(failed[:8]))
