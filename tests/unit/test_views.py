"""What of an image is shown, and to whom."""

from contracts.images import UploadedView, view, view_fields
from tests.unit import samples

PLACE = {"latitude": 48.5, "longitude": 9.25}


def test_where_the_camera_was_is_for_the_owner_alone():
    """Everyone sees the camera's facts; the place stands beside them in the owner's view and in no other."""
    image = samples.image(metadata={"model": "Model T"}, place=PLACE)
    assert view(image).metadata == {"model": "Model T"}
    assert view(image, for_owner=True).metadata == {"model": "Model T", "gps": PLACE}
    assert UploadedView(**view_fields(image, for_owner=True)).metadata["gps"] == PLACE


def test_addresses_of_bytes_may_lie_on_another_host():
    """All of them, or none."""
    shown = view(samples.ready_image(), origin="https://img.example")
    addresses = [shown.url, shown.thumbnail_url, *(variant.url for variant in shown.thumbnails.values())]
    assert len(addresses) > 2
    assert all(str(address).startswith("https://img.example/api/v1/images/") for address in addresses)


def test_an_owner_of_nothing_private_sees_what_everyone_sees():
    """Without a place there is no field for it."""
    image = samples.image(metadata={"model": "Model T"})
    assert view(image, for_owner=True) == view(image)
