"""The checker accepts histories that keep the promises and rejects those that don't, by the rule that is broken."""

import pytest

from tests.chaos.checker import SETTLED, Promise, check
from tests.chaos.history import READS, Outcome
from tests.unit.chaos.story import JPEG, SHA, Story, shown_as

OTHER = "b" * 64
READS_GO_ON = Promise("reads", 0.9, READS, least=3)


def rules(story, **options):
    """Which rules are broken."""
    return [violation.rule for violation in check(story.history, **options)]


@pytest.fixture
def story():
    return Story()


def test_a_life_without_trouble_keeps_every_promise(story):
    """Upload, look, change, look, delete, gone; and everybody agrees in the end."""
    upload = story.upload("one")
    story.view("one", token=upload.number)
    story.file("one", token=upload.number)
    story.list(shown_as("one"), token=upload.number)
    patch = story.patch("one", "by the sea", 2)
    story.view("one", version=2, words="by the sea", token=patch.number)
    delete = story.delete("one")
    story.gone("one", token=delete.number)
    story.gone("one", "file")
    story.list()
    story.gone("one", after=True)
    story.gone("one", after=True, target="read-1")
    story.fault(0, 100)
    assert rules(story, fresh_within=0.0, promises=[READS_GO_ON]) == []


def test_lag_without_a_token_is_allowed(story):
    """Nobody is promised to see a change at once who doesn't say what he knows, if the scenario promises nothing."""
    story.upload("one")
    story.gone("one")
    story.patch("one", "words", 2)
    story.view("one", version=1)
    story.list()
    assert rules(story) == []


def test_an_unknown_deletion_may_have_happened_or_not(story):
    """As long as all agree in the end."""
    for image, end in (("one", story.gone), ("two", story.view)):
        story.upload(image)
        story.delete(image, outcome=Outcome.UNKNOWN, status=502)
        end(image, after=True)
        end(image, after=True, target="read-1")
    assert rules(story) == []


def test_an_unknown_change_may_have_happened_or_not(story):
    """Words of an unknown change are possible, so are those before it."""
    for image, words, version in (("one", "new", 2), ("two", "", 1)):
        story.upload(image)
        story.patch(image, "new", 2, outcome=Outcome.UNKNOWN)
        story.view(image, words=words, version=version, after=True)
    assert rules(story) == []


@pytest.mark.parametrize("what", [{"sha256": OTHER}, {"kind": "image/png"}])
def test_other_bytes_or_another_type_break_r1(story, what):
    """In a view, in a list, as a file, and in the answer to the upload itself."""
    story.upload("one")
    story.view("one", **what)
    story.list(shown_as("one", **what))
    story.file("one", **what)
    story.upload("two", shown=(shown_as("two", **what),))
    assert rules(story) == ["R1"] * 4


def test_a_file_with_no_bytes_breaks_r1(story):
    """nginx answered 200 and nothing came."""
    story.upload("one")
    story.file("one", sha256="e3b0c442")
    assert rules(story) == ["R1"]


def test_a_rendering_with_two_faces_breaks_r1(story):
    """One variant in one format is the same bytes for ever; another format is another rendering."""
    story.upload("one")
    for kind, sha256 in (("image/webp", "1"), ("image/jpeg", "2"), ("image/webp", "3")):
        story.call("thumbnail", image="one", variant="small", status=200, kind=kind, sha256=sha256)
    assert rules(story) == ["R1"]


def test_an_image_that_nobody_uploaded_breaks_r1(story):
    """It is shown and has no upload."""
    story.view("strange")
    assert "R1" in rules(story)


def test_images_of_others_on_the_same_stack_are_none_of_its_business(story):
    """An earlier run has left them."""
    story.history.run = "mine-"
    story.list(shown_as("strange", name="other-1.jpg"))
    assert rules(story) == []


def test_not_found_with_its_token_breaks_r2(story):
    """The writer doesn't see what was acknowledged."""
    upload = story.upload("one")
    story.gone("one", token=upload.number)
    assert rules(story) == ["R2"]


def test_a_token_speaks_for_everything_acknowledged_before_its_write(story):
    """A later write's token brings the earlier image too, and not the one that was written at the same time."""
    story.upload("one", at=1)
    story.upload("beside", at=2)
    token = story.upload("later", at=2.2).number
    story.gone("beside", token=token)
    assert rules(story) == []
    story.gone("one", token=token)
    assert rules(story) == ["R2"]


def test_an_old_version_with_the_token_of_a_newer_one_breaks_r2(story):
    """What was changed is not seen by who changed it."""
    story.upload("one")
    patch = story.patch("one", "words", 2)
    story.view("one", version=1, token=patch.number)
    assert rules(story) == ["R2"]


def test_a_list_without_what_its_token_speaks_for_breaks_r2(story):
    """A page that isn't full leaves nothing out."""
    upload = story.upload("one")
    story.list(token=upload.number)
    assert rules(story) == ["R2"]


def test_a_full_page_of_newer_images_may_leave_one_out(story):
    """The image is on a later page."""
    upload = story.upload("one")
    story.upload("two")
    story.list(shown_as("two", created=99), full=True, token=upload.number)
    assert rules(story) == []


@pytest.mark.parametrize("how", ["view", "file", "list", "thumbnail"])
def test_anything_shown_after_a_final_deletion_breaks_r3(story, how):
    """With or without a token, as whatever."""
    story.upload("one")
    story.delete("one", at=5)
    facts = {"list": {"shown": (shown_as("one"),)}, "file": {"image": "one", "sha256": SHA, "kind": JPEG}}
    shown = facts.get(how, {"image": "one"})
    story.call(how, at=5.6, status=200, **shown)
    assert rules(story) == ["R3"]


def test_a_read_that_began_before_the_deletion_was_final_may_show_the_image(story):
    """It may end later."""
    story.upload("one")
    story.delete("one", at=5)
    story.view("one", at=5.4)
    assert rules(story) == []


def test_what_is_hidden_is_gone_for_strangers_and_may_be_changed_by_its_owner(story):
    """R3 as for a deletion; with a token, too, nobody has to find it."""
    upload = story.upload("one")
    story.call("hide", image="one", status=200)
    story.gone("one", token=upload.number)
    story.patch("one", "words", 3)
    story.gone("one", after=True)
    assert rules(story) == []
    story.view("one")
    assert rules(story) == ["R3"]


def test_a_change_after_a_final_deletion_breaks_r3(story):
    """What is gone can't be changed."""
    story.upload("one")
    story.delete("one")
    story.patch("one", "words", 3)
    assert "R3" in rules(story)


def test_coming_back_at_the_same_reader_breaks_r4(story):
    """The deletion's outcome is unknown; the reader had shown the image and said it was gone."""
    story.upload("one")
    story.view("one", target="read-1")
    story.delete("one", outcome=Outcome.UNKNOWN, status=0)
    story.gone("one", target="read-1")
    story.view("one", target="read-1")
    assert rules(story) == ["R4"]


def test_another_reader_may_hear_of_an_unacknowledged_deletion_later_but_not_much_later(story):
    """It has until everything must have reached everyone."""
    upload = story.upload("one", at=1)
    story.delete("one", at=2, outcome=Outcome.UNKNOWN, status=0)
    story.gone("one", at=3, target="read-1", token=upload.number)
    story.view("one", at=4, target="read-2")
    assert rules(story) == []
    story.view("one", at=5 + SETTLED, target="read-2")
    assert rules(story) == ["R4"]


def test_a_reader_that_has_not_heard_of_the_upload_yet_is_not_taken_for_one_that_heard_of_the_deletion(story):
    """Its 404 means nothing."""
    story.upload("one")
    story.delete("one", outcome=Outcome.UNKNOWN, status=0)
    story.gone("one", target="read-1")
    story.view("one", target="read-1")
    assert rules(story) == []


def test_readers_that_disagree_in_the_end_break_r5(story):
    """One shows it, one doesn't; or they show different versions."""
    story.upload("one")
    story.upload("two")
    story.view("one", after=True)
    story.gone("one", after=True, target="read-1")
    story.view("two", after=True)
    story.view("two", after=True, target="read-1", version=2)
    assert rules(story) == ["R5", "R5"]


def test_a_reader_that_had_to_be_asked_again_agrees_in_the_end(story):
    """Its last answer counts; who never gives one does not agree."""
    for image in ("one", "two"):
        story.upload(image)
        story.view(image, after=True)
        story.call("view", image=image, status=503, outcome=Outcome.FAIL, after=True, target="read-1")
    story.view("one", after=True, target="read-1")
    assert rules(story) == ["R5"]


def test_an_acknowledged_image_that_is_lost_breaks_r5(story):
    """Nobody deleted it."""
    story.upload("one")
    story.gone("one", after=True)
    assert rules(story) == ["R5"]


def test_an_acknowledged_image_that_nobody_looked_at_in_the_end_breaks_r5(story):
    """What isn't checked is not taken for right."""
    story.upload("one")
    story.upload("two")
    story.view("two", after=True)
    assert rules(story) == ["R5"]


def test_a_deleted_image_that_is_there_in_the_end_breaks_r5_and_r3(story):
    """By both rules."""
    story.upload("one")
    story.delete("one")
    story.view("one", after=True)
    assert rules(story) == ["R3", "R5"]


def test_a_lost_change_breaks_r5(story):
    """It was acknowledged, and in the end it is not there."""
    story.upload("one")
    story.patch("one", "words", 2)
    story.view("one", after=True)
    assert set(rules(story)) == {"R5"}


def test_words_that_nobody_wrote_break_r5(story):
    """Neither those of the last change nor of one whose outcome is unknown."""
    story.upload("one")
    story.patch("one", "old", 2)
    story.patch("one", "new", 3)
    story.view("one", version=4, words="old", after=True)
    assert rules(story) == ["R5"]


def test_a_refused_upload_that_is_there_in_the_end_breaks_r5(story):
    """The answer said that nothing was done."""
    story.upload("one", outcome=Outcome.FAIL, status=503)
    story.view("one", after=True)
    assert rules(story) == ["R5"]


def test_an_unknown_upload_that_is_there_in_the_end_is_fine(story):
    """The answer was lost, and so is only the answer."""
    story.upload("one", outcome=Outcome.UNKNOWN, status=0)
    story.view("one", after=True)
    story.file("one", after=True)
    assert rules(story) == []


def test_one_upload_that_became_two_images_breaks_r5(story):
    """Retried with the same key, acknowledged twice, two ids."""
    story.upload("one", key="k", name="a.jpg")
    story.upload("two", key="k", name="a.jpg")
    assert rules(story) == ["R5"]


def test_an_upload_whose_answer_was_lost_and_its_retry_that_are_both_there_break_r5(story):
    """The list gives the first one away."""
    story.upload("one", key="k", name="a.jpg", outcome=Outcome.UNKNOWN, status=0)
    story.upload("two", key="k", name="a.jpg")
    story.list(shown_as("one", name="a.jpg"), shown_as("two", name="a.jpg"))
    assert rules(story) == ["R5"]


def test_what_is_not_visible_soon_breaks_p4_where_it_is_promised(story):
    """An image that is not found and an old version, later than promised; sooner is fine."""
    story.upload("one", at=1)
    story.gone("one", at=3)
    assert rules(story, fresh_within=2.0) == []
    story.gone("one", at=4)
    story.patch("one", "words", 2, at=5)
    story.view("one", at=8)
    assert rules(story, fresh_within=2.0) == ["P4", "P4"]


def test_a_request_that_was_in_order_and_is_refused_breaks_availability(story):
    """4xx is nobody's answer to a well-meant request."""
    story.upload("one", outcome=Outcome.FAIL, status=429, said="RATE_LIMIT_EXCEEDED")
    assert rules(story) == ["A"]


def test_deleting_again_what_may_be_deleted_may_not_find_it(story):
    """The first answer was lost."""
    story.upload("one")
    story.delete("one", outcome=Outcome.UNKNOWN, status=0)
    story.delete("one", outcome=Outcome.FAIL, status=404, said="IMAGE_NOT_FOUND")
    assert rules(story) == []


def test_too_few_successes_break_availability_within_the_fault_only(story):
    """Half of the reads fail while the fault is at work; outside of it nothing is judged."""
    story.upload("one", at=1)
    for at in (10, 11, 12, 13):
        story.call("view", at=at, image="one", outcome=Outcome.FAIL, status=503)
    for at in (20, 21, 22, 23):
        story.view("one", at=at)
    story.fault(20, 24)
    assert rules(story, promises=[READS_GO_ON]) == []
    story.fault(10, 14)
    assert rules(story, promises=[READS_GO_ON]) == ["A"]


def test_a_run_with_too_few_calls_to_tell_breaks_availability(story):
    """A system that is asked nothing fails nothing."""
    story.fault(0, 1)
    assert rules(story, promises=[READS_GO_ON]) == ["A"]
