import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ThumbnailUnavailable
from contracts.images import Status
from services.read.deliver import locate, negotiate, original, thumbnail
from tests.unit import samples

MADE = [samples.derivative("small", "image/webp", 4000), samples.derivative("small", "image/jpeg", 6000)]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "image/webp"),
        ("image/webp;q=0.3, image/jpeg", "image/jpeg"),
        ("image/webp;q=0, */*", "image/jpeg"),
        ("IMAGE/WEBP", "image/webp"),
        ("text/html", "image/jpeg"),
        ("image/webp;q=nonsense", "image/jpeg"),
        (";;;,,,=", "image/jpeg"),
    ],
)
def test_the_format_is_the_one_that_accept_prefers(accept, chosen):
    """A modern format goes to clients that name it; everyone else gets the classic one."""
    assert negotiate(MADE, accept).content_type == chosen


@given(st.text(max_size=300))
def test_any_accept_header_gets_some_format(accept):
    """Nonsense never fails."""
    assert negotiate(MADE, accept) in MADE


def test_a_thumbnail_is_weakly_tagged_and_the_original_strongly():
    """The original's tag is the hash of its bytes; a negotiated answer has a weak one."""
    image = samples.ready_image()
    assert original(image).tag == f'"{image.blob.sha256}"'
    part = thumbnail(image, "medium", "image/webp")
    assert part.tag.startswith('W/"')
    assert part.negotiated
    assert part.filename == "a-medium.webp"


def test_a_thumbnails_tag_says_nothing_of_the_blob():
    """The blob may be older than the image, and somebody else's too."""
    image = samples.ready_image()
    assert str(image.blob.id) not in thumbnail(image, "medium", "image/webp").tag
    made = {derivative.key.partition("/")[0] for derivative in image.blob.derivatives}
    assert not [blob_id for blob_id in made if blob_id in thumbnail(image, "medium", "image/webp").tag]


@pytest.mark.parametrize("variant", ["huge", "", "../small", "SMALL"])
def test_a_size_that_is_not_made_is_unavailable(variant):
    """Only the sizes of the list exist, and nobody is told to wait for another."""
    for image in (samples.ready_image(), samples.image()):
        with pytest.raises(ThumbnailUnavailable):
            thumbnail(image, variant, "*/*")


def test_a_thumbnail_that_is_being_made_is_not_there_yet():
    """While the image is processed: not now, but soon."""
    assert thumbnail(samples.image(), "small", "*/*") is None


@pytest.mark.parametrize("status", [Status.FAILED, Status.READY])
def test_a_thumbnail_that_will_never_be_made_is_unavailable(status):
    """When the image failed, and when nobody makes this size of it."""
    with pytest.raises(ThumbnailUnavailable):
        thumbnail(samples.image(status=status), "small", "*/*")


def test_an_object_is_named_with_all_that_it_must_be():
    """Whoever fetches it needs to ask nobody else."""
    blob = samples.blob()
    assert locate(original(samples.image(blob=blob))) == f"/_object/{blob.sha256}/{blob.size}/one,two/{blob.key}"


def test_an_old_thumbnail_has_no_checksum():
    """A hyphen says so."""
    image = samples.ready_image()
    assert locate(thumbnail(image, "small", "image/webp")).startswith("/_object/-/4000/one,two/")
