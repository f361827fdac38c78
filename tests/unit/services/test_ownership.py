from uuid import uuid4

import msgspec
import pytest

from contracts.errors import DeleteTokenRequired, ImageNotFound, InvalidDeleteToken
from contracts.images import Image
from contracts.principals import ANONYMOUS, Principal
from services.write.ownership import new_delete_token, require_right_to_change, token_hash
from tests.unit import samples


class Stored(msgspec.Struct):
    image: Image
    delete_token_hash: bytes | None


def test_the_token_of_the_upload_gives_the_right_to_change():
    """The right token passes, whoever shows it."""
    token = new_delete_token()
    require_right_to_change(Stored(samples.image(), token_hash(token)), ANONYMOUS, token)


@pytest.mark.parametrize("token", [None, ""])
def test_an_anonymous_image_needs_a_token(token):
    """No token is told apart from a wrong one."""
    with pytest.raises(DeleteTokenRequired):
        require_right_to_change(Stored(samples.image(), token_hash("right")), ANONYMOUS, token)


def test_a_wrong_token_is_refused_also_where_none_was_given_out():
    """A wrong token never passes."""
    for stored_hash in (token_hash("right"), None):
        with pytest.raises(InvalidDeleteToken):
            require_right_to_change(Stored(samples.image(), stored_hash), ANONYMOUS, "wrong")


def test_an_owned_image_is_its_owners_and_looks_absent_to_others():
    """The owner needs no token; a stranger learns nothing, with or without one."""
    owner = Principal(uuid4())
    stored = Stored(samples.image(owner_id=owner.user_id), None)
    require_right_to_change(stored, owner, None)
    for stranger in (ANONYMOUS, Principal(uuid4())):
        with pytest.raises(ImageNotFound):
            require_right_to_change(stored, stranger, "any")


def test_tokens_are_long_random_and_different():
    """256 bits in URL-safe letters."""
    tokens = {new_delete_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)
