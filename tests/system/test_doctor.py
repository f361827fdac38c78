"""What an operator finds out about one image."""

import json
import uuid

from tests.eventually import eventually
from tests.pictures import jpeg


async def test_the_doctor_finds_an_image_everywhere(stack, api):
    """Its rows, copies and events, on the primary and on the replicas; nothing is wrong with one that is ready."""
    answer = api.post("/api/v1/images/upload", files={"file": ("a.jpg", jpeg())})
    image_id = answer.json()["id"]

    def nothing_is_wrong() -> dict:
        done = stack.run("doctor", image_id, "--verify", "--json")
        assert done.stdout, done.stderr
        told = json.loads(done.stdout)
        assert (done.returncode, told["findings"]) == (0, []), done.stdout
        assert told["record"]["image"]["status"] == "ready"
        return told

    told = await eventually(nothing_is_wrong)
    assert {copy["state"] for copy in told["copies"]} == {"there"}
    assert "image.uploaded.v1" in {event["type"] for event in told["record"]["events"]}
    assert len(told["replicas"]) == 2
    assert f"{image_id}" in stack.run("doctor", image_id).stdout


def test_the_doctor_knows_when_there_is_no_such_image(stack):
    """Status 1, in a sentence."""
    done = stack.run("doctor", str(uuid.uuid4()))
    assert (done.returncode, "There is no image" in done.stdout) == (1, True), done.stderr


def test_the_quarantine_is_empty(stack):
    """Nothing was given up."""
    assert json.loads(stack.chitram("quarantine", "list", "--json")) == []
