"""What the API has promised stays promised."""

import json

import pytest

from services.cli.openapi import TARGET, generate
from services.shared.addresses import ADDRESSES

VIEW = {
    "id",
    "filename",
    "content_type",
    "file_size",
    "width",
    "height",
    "frames",
    "checksum",
    "status",
    "visibility",
    "owner_id",
    "description",
    "tags",
    "created_at",
    "updated_at",
    "expires_at",
    "deleted_at",
    "version",
    "placeholder",
    "dominant_color",
    "metadata",
    "metadata_stripped",
    "url",
    "thumbnail_ready",
    "thumbnail_url",
    "thumbnails",
    "failure",
}

OPERATIONS = [
    ("post", "/api/v1/images/upload"),
    *((method, "/api/v1/images") for method in ("get", "head")),
    *((method, "/api/v1/images/{image_id}") for method in ("get", "head", "patch", "delete")),
    *((method, "/api/v1/images/{image_id}/file") for method in ("get", "head")),
    *((method, "/api/v1/images/{image_id}/thumbnail") for method in ("get", "head")),
    *((method, "/api/v1/images/{image_id}/thumbnails/{variant}") for method in ("get", "head")),
    *((method, "/health") for method in ("get", "head")),
]


@pytest.fixture(scope="module")
def document():
    """The document as the services would answer with it now."""
    return json.loads(generate())


def test_the_document_that_stands_is_what_the_services_answer_with():
    """`make openapi` was run after the last change of a route."""
    assert generate() == TARGET.read_bytes()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_promised_operation_is_there_and_tells_of_its_problems(document, method, path):
    """Each has an answer for success, and problem documents for everything else."""
    responses = document["paths"][path][method]["responses"]
    assert any(status.startswith("2") for status in responses)
    assert "application/problem+json" in responses["default"]["content"]


def test_the_table_of_addresses_has_what_the_document_has_and_the_document_itself(document):
    """From it the services say which methods an address has, also those of the other service."""
    described = {path: {method.upper() for method in operations} for path, operations in document["paths"].items()}
    table = {path: set(methods) for path, methods in ADDRESSES.items()}
    assert {path: table[path] for path in table if path in described} == described
    assert table.keys() - described.keys() == {"/openapi.json", "/docs", "/docs/{name}"}


def test_a_view_has_all_promised_fields(document):
    """More may come, none may go."""
    assert set(document["components"]["schemas"]["ImageView"]["properties"]) >= VIEW


def test_the_upload_form_is_described(document):
    """Its file is required."""
    body = document["paths"]["/api/v1/images/upload"]["post"]["requestBody"]
    assert body["content"]["multipart/form-data"]["schema"]["required"] == ["file"]


def test_every_operation_has_its_own_id(document):
    """Generated clients name their functions after them."""
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_changes_give_consistency_tokens_and_reads_take_them(document):
    """Both are described, though no route declares them."""
    paths = document["paths"]
    for path, method, status in (
        ("/api/v1/images/upload", "post", "201"),
        ("/api/v1/images/{image_id}", "patch", "200"),
        ("/api/v1/images/{image_id}", "delete", "204"),
    ):
        assert {"X-Consistency-Token", "Set-Cookie"} <= paths[path][method]["responses"][status]["headers"].keys()
    for path in ("/api/v1/images", "/api/v1/images/{image_id}", "/api/v1/images/{image_id}/file"):
        assert "X-Consistency-Token" in [parameter["name"] for parameter in paths[path]["get"]["parameters"]]


def test_states_of_an_image_have_a_tag_and_its_bytes_what_caches_go_by(document):
    """Also that which it has when it comes back from the trash; other answers about it have none."""
    image, bytes_of_it = "/api/v1/images/{image_id}", {"Accept-Ranges", "Cache-Tag", "ETag", "Surrogate-Key"}

    def headers(path, method, status):
        return document["paths"][path][method]["responses"][status]["headers"].keys()

    assert all("ETag" in headers(*of, "200") for of in ((image, "get"), (image, "patch"), (f"{image}/restore", "post")))
    assert "ETag" not in headers(image, "delete", "204")
    assert bytes_of_it <= headers(f"{image}/file", "get", "200") & headers(f"{image}/thumbnail", "get", "206")
