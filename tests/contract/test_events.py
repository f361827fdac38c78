"""Events that were ever published can be read for ever."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import msgspec
import pytest

from contracts.events import AnyEvent, Event, ImageEvent, decode, encode, event_type
from contracts.subjects import CONSUMERS, all_subjects, stream, subject

SAMPLES = sorted((Path(__file__).parents[2] / "contracts" / "samples").glob("*.json"))
TYPES = [str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)]


def lost(sample: Any, again: Any, where: str = "$") -> list[str]:
    """Places in `sample` that `again` doesn't have, or has with another value."""
    if isinstance(sample, dict) and isinstance(again, dict):
        missing = [f"{where}.{key}" for key in sample if key not in again]
        return missing + [
            place for key in sample if key in again for place in lost(sample[key], again[key], f"{where}.{key}")
        ]
    if isinstance(sample, list) and isinstance(again, list) and len(sample) == len(again):
        return [
            place
            for index, (old, new) in enumerate(zip(sample, again, strict=True))
            for place in lost(old, new, f"{where}[{index}]")
        ]
    return [] if sample == again else [where]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_decoded_and_loses_nothing(path):
    """Every event version on file still decodes to its own type, and encoding it again keeps every field."""
    event = decode(path.read_bytes())
    assert event_type(event) == path.stem
    assert lost(json.loads(path.read_bytes()), json.loads(encode(event))) == []


@pytest.mark.parametrize("tag", TYPES)
def test_every_event_type_has_a_sample(tag):
    """An event type that can be published has its file in contracts/samples."""
    assert tag in {path.stem for path in SAMPLES}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_an_event_says_what_it_is_about(path):
    """Every event has a subject and its version; those of images have the image's."""
    event = decode(path.read_bytes())
    assert isinstance(event.subject_id, UUID)
    assert event.version >= 0
    if isinstance(event, ImageEvent):
        assert (event.subject_id, event.version) == (event.image.id, event.image.version)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_field_that_a_newer_version_added_does_no_harm(path):
    """A service that hasn't been updated yet reads the events of one that has."""
    newer = json.loads(path.read_bytes())
    newer["novelty"] = {"a": 1}
    for part in filter(lambda part: isinstance(part, dict), list(newer.values())):
        part["novelty"] = {"a": 1}
    assert encode(decode(json.dumps(newer).encode())) == encode(decode(path.read_bytes()))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"type":"image.uploaded.v1"}', b'{"type":"image.lost.v1"}'])
def test_what_is_no_event_is_refused(data):
    """Anything that isn't a whole event of a known type raises one kind of error."""
    with pytest.raises(msgspec.DecodeError):
        decode(data)


@pytest.mark.parametrize("tag", TYPES)
def test_an_event_type_says_what_happened_and_in_which_version(tag):
    """The tag is `<kind>.<past participle>.v<number>`, so its subject falls under one of the stream's wildcards."""
    kind, verb, version = tag.split(".")
    assert verb.isalpha()
    assert version[0] == "v"
    assert version[1:].isdigit()
    assert f"x.{kind}.>" in all_subjects("x")
    assert subject("x", tag) == f"x.{tag}"


def test_a_kind_that_does_not_say_what_it_is_about_can_not_be_written():
    """The outbox needs the subject and the version of every event."""
    event = Event(uuid4(), datetime.now(UTC))
    for name in ("subject_id", "version"):
        with pytest.raises(NotImplementedError):
            getattr(event, name)


def test_a_subject_follows_from_the_event():
    """Publishing needs no more than the event and the prefix."""
    event = decode(SAMPLES[0].read_bytes())
    assert subject("x", event_type(event)) == f"x.{SAMPLES[0].stem}"
    assert stream("x") == "x-images"


def test_consumers_want_types_that_exist():
    """A consumer of a type that nobody publishes would wait for ever."""
    names = [consumer.name for consumer in CONSUMERS]
    assert len(set(names)) == len(names)
    assert {tag for consumer in CONSUMERS for tag in consumer.event_types} <= set(TYPES)


def test_the_check_for_lost_fields_finds_them():
    """The check itself fails on a missing key, a changed value and a shorter list, wherever they are."""
    sample = {"a": {"b": [1, {"c": 2}]}, "d": None}
    assert lost(sample, sample | {"new": 1}) == []
    assert lost(sample, {"a": {"b": [1, {}]}, "d": None}) == ["$.a.b[1].c"]
    assert lost(sample, {"a": {"b": [1]}}) == ["$.d", "$.a.b"]
