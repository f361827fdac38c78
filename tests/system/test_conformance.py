"""The system is what its OpenAPI document says."""

from tests.conformance.run import BRIEF, conform


def test_nothing_is_found_that_the_document_does_not_say(api):
    """schemathesis tries every operation with what is right, wrong and just at the edge, all its checks on."""
    done = conform(str(api.base_url).rstrip("/"), *BRIEF, seconds=900)
    assert done.returncode == 0, done.stdout
