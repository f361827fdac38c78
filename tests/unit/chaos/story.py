"""Histories written by hand."""

from typing import Any

from tests.chaos.history import NGINX, Call, Fault, History, Outcome, Shown

JPEG, SHA = "image/jpeg", "a" * 64


class Story:
    """A history told call by call; each begins a second after the one before, unless `at` says when."""

    def __init__(self) -> None:
        self.history = History(clock=lambda: 0.0)
        self._time = 0.0

    def call(self, action: str, **facts: Any) -> Call:
        """Adds a call."""
        self._time += 1.0
        start = facts.pop("at", self._time)
        self._time = max(self._time, start)
        known = {"client": "someone", "target": NGINX, "outcome": Outcome.OK, "number": self.history.number()}
        return self.history.add(Call(action=action, start=start, end=start + 0.5, **(known | facts)))

    def upload(self, image: str, *, sha256: str = SHA, kind: str = JPEG, **facts: Any) -> Call:
        """An upload that was acknowledged, unless its outcome is given."""
        name = facts.setdefault("name", f"{image}.jpg")
        told = facts.get("outcome", Outcome.OK) is Outcome.OK
        shown = (shown_as(image, sha256=sha256, kind=kind, name=name, created=self._time + 1),) if told else ()
        answer = {"status": 201, "image": image} if told else {}
        return self.call("upload", sha256=sha256, kind=kind, **({"shown": shown} | answer | facts))

    def patch(self, image: str, words: str, version: int, **facts: Any) -> Call:
        """A change."""
        told = facts.get("outcome", Outcome.OK) is Outcome.OK
        answer = {"status": 200, "shown": (shown_as(image, version=version, words=words),)} if told else {}
        return self.call("patch", image=image, words=words, **(answer | facts))

    def delete(self, image: str, **facts: Any) -> Call:
        """A deletion."""
        return self.call("delete", image=image, **({"status": 204} | facts))

    def view(self, image: str, **facts: Any) -> Call:
        """A view that shows the image; `version`, `words`, ... are those that it shows."""
        shown = {name: facts.pop(name) for name in ("version", "words", "sha256", "kind", "name") if name in facts}
        return self.call("view", image=image, status=200, shown=(shown_as(image, **shown),), **facts)

    def gone(self, image: str, action: str = "view", **facts: Any) -> Call:
        """A read that says there is no such image."""
        return self.call(action, image=image, status=404, said="IMAGE_NOT_FOUND", **facts)

    def file(self, image: str, sha256: str = SHA, kind: str = JPEG, **facts: Any) -> Call:
        """The bytes."""
        return self.call("file", image=image, status=200, sha256=sha256, kind=kind, **facts)

    def list(self, *shown: Shown, **facts: Any) -> Call:
        """A page."""
        return self.call("list", status=200, shown=shown, **facts)

    def fault(self, start: float, end: float) -> None:
        """Something was done to the system."""
        self.history.faults.append(Fault("something", start, end))


def shown_as(image: str, **facts: Any) -> Shown:
    """An image in an answer."""
    known = {"name": f"{image}.jpg", "version": 1, "sha256": SHA, "kind": JPEG, "words": "", "created": 1.0}
    return Shown(image=image, **(known | facts))
