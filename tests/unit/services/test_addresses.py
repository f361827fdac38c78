import pytest

from services.shared.addresses import methods_of


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/images", ("GET", "HEAD")),
        ("/api/v1/images/", ("GET", "HEAD")),
        ("/api/v1/images/upload", ("POST",)),
        ("/api/v1/images/7/thumbnails/small", ("GET", "HEAD")),
        ("/docs/start.js", ("GET", "HEAD")),
        ("/api/v1/images/7/8", ()),
        ("/api/v1", ()),
        ("/", ()),
    ],
)
def test_an_address_has_its_methods_whoever_answers(path, methods):
    """A path that fits no template has none."""
    assert methods_of(path) == methods
