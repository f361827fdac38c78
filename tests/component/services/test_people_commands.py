"""`chitram users` and `chitram audit`, on a system that runs."""

import asyncio
import io
import json

import httpx
import pytest

from services.cli.main import main
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import KEYS, PASSWORD, key, log_in, person, session
from tests.pictures import jpeg


@pytest.fixture
async def write(serve, tmp_path, monkeypatch) -> httpx.AsyncClient:
    """The write service; commands find its servers by the same variables, and no stack where they are run."""
    monkeypatch.chdir(tmp_path)
    return await serve(open_write)


@pytest.fixture
def chitram(write, capsys, monkeypatch):
    """Runs a command, with a line to read; gives its exit status and what it printed."""

    async def run(*arguments: str, line: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{line}\n"))
        status = await asyncio.to_thread(main, arguments)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


async def test_the_first_admin_is_made_at_the_command_line(write, chitram, database):
    """Who may then make keys for operating."""
    status, said = await chitram("users", "create", "--admin", "root@example.com", line=PASSWORD)
    assert status == 0, said
    root = await session(write, "root@example.com")
    assert await key(write, root, "admin")
    assert PASSWORD not in said
    (entry,) = await rows(database, "SELECT actor, details FROM audit WHERE action = 'account.created'")
    assert entry["actor"] == "system"
    assert json.loads(entry["details"]) == {"admin": True}


async def test_a_password_can_be_chosen_for_somebody(write, chitram):
    """It is printed, this once, and works; the sessions of before have ended."""
    ann = await person(write)
    status, said = await chitram("users", "password", "ann@example.com", "--generate")
    assert status == 0, said
    password = next(line for line in said.splitlines() if line.startswith("Password: ")).removeprefix("Password: ")
    assert (await log_in(write, "ann@example.com", password)).status_code == 200
    assert (await log_in(write, "ann@example.com")).status_code == 401
    assert (await write.post(KEYS, json={}, headers=ann.headers)).status_code == 401


async def test_users_are_listed_promoted_demoted_and_deleted(write, chitram):
    """By their address, whatever its case."""
    await person(write)
    assert (await chitram("users", "promote", "ANN@example.com"))[0] == 0
    status, said = await chitram("users", "list", "--json")
    assert (status, json.loads(said)["is_admin"]) == (0, True)
    assert "admin" in (await chitram("users", "list"))[1]
    assert (await chitram("users", "demote", "ann@example.com"))[0] == 0
    assert json.loads((await chitram("users", "list", "--json"))[1])["is_admin"] is False

    assert (await chitram("users", "delete", "ann@example.com", line="n"))[0] == 1
    status, said = await chitram("users", "delete", "ann@example.com", "--yes")
    assert (status, "Receipt" in said) == (0, True)
    assert (await log_in(write, "ann@example.com")).status_code == 401


async def test_what_can_not_be_done_is_said(write, chitram):
    """With status 1 and a sentence."""
    for arguments, line in (
        (("users", "create", "ann"), PASSWORD),
        (("users", "create", "ann@example.com"), "short"),
        (("users", "promote", "nobody@example.com"), ""),
        (("users", "password", "nobody@example.com"), PASSWORD),
        (("users", "delete", "nobody@example.com", "--yes"), ""),
    ):
        status, said = await chitram(*arguments, line=line)
        assert status == 1, said
        assert "Traceback" not in said


async def test_the_log_is_asked_by_image_user_action_and_time(write, chitram):
    """As a table for people, as lines for programs."""
    ann = await person(write)
    await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg(8, 8))}, headers=ann.headers)

    async def actions(*arguments: str) -> list[str]:
        status, said = await chitram("audit", "--json", *arguments)
        assert status == 0, said
        return [json.loads(line)["action"] for line in said.splitlines()]

    assert await actions("--user", ann.id, "--action", "session.created") == ["session.created"]
    assert (await actions("-n", "1")) == (await actions())[:1]
    assert await actions("--until", "2020-01-01") == []
    assert await actions("--since", "2020-01-01") == await actions()
    assert await actions("--image", ann.id) == []
    assert f"by user:{ann.id} from 127.0.0.1" in (await chitram("audit"))[1]
