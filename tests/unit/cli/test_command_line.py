"""What may be written on the command line."""

from datetime import UTC, datetime

import pytest

from deploy.local.facts import MOST
from services.cli.main import GROUPS, parser


def test_counts_are_pairs():
    """`scale` takes several kinds at once."""
    given = parser().parse_args(["scale", "read=5", "worker=2"])
    assert dict(given.counts) == {"read": 5, "worker": 2}


def test_up_without_options_leaves_everything_as_it_was():
    """What isn't asked for is not decided here."""
    given = parser().parse_args(["up"])
    assert (given.read, given.write, given.worker, given.port) == (None, None, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["up", "--read", "0"],
        ["up", "--read", "x"],
        ["up", "--port", "0"],
        ["up", "--port", "65536"],
        ["scale"],
        ["scale", "read"],
        ["scale", "read="],
        ["scale", "nginx=2"],
        ["scale", f"read={MOST + 1}"],
        ["restart"],
    ],
)
def test_what_can_not_be_meant_is_refused(arguments, capsys):
    """With status 2 and an explanation."""
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(arguments)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err


def test_the_help_shows_every_command_in_its_group(capsys):
    """One line for each, below the title of its group."""
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    for group in GROUPS:
        assert f"\n{group.TITLE}:\n" in told
    for command in ("up", "down", "status", "logs", "scale", "restart", "openapi"):
        assert f"\n  {command} " in told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-26", datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-26T12:30Z", datetime(2026, 11, 26, 12, 30, tzinfo=UTC)),
        ("2026-11-26T12:30+05:30", datetime(2026, 11, 26, 7, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text, found):
    """As ISO 8601 writes it."""
    assert parser().parse_args(["rerender", "--since", text]).since == found


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--variant", "huge"]])
def test_what_can_not_be_rendered_anew_is_a_wrong_command_line(arguments):
    """A time that is none, and a size that is not made."""
    with pytest.raises(SystemExit) as error:
        parser().parse_args(["rerender", *arguments])
    assert error.value.code == 2
