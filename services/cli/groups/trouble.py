"""Commands that find out what has become of something, and put it right."""

from uuid import UUID

from contracts.subjects import CONSUMERS
from services.cli.groups.group import Group

TITLE = "when something is wrong"


def add(group: Group) -> None:
    """doctor, quarantine."""
    doctor = group.add("doctor", help="what has become of an image, wherever something is known of it")
    doctor.add_argument("id", type=UUID, metavar="ID", help="of the image")
    doctor.add_argument("--verify", action="store_true", help="read every copy of the original and compare its bytes")
    doctor.add_argument("--json", action="store_true", help="for programs")

    quarantine = group.actions("quarantine", help="events that were given up: see them, have them tried again")
    several = quarantine.add_parser("list", description="Show them, newest first.")
    several.add_argument("--consumer", choices=[consumer.name for consumer in CONSUMERS], help="only of this one")
    several.add_argument("--json", action="store_true", help="for programs")
    one = quarantine.add_parser("show", description="Show one of them whole.")
    one.add_argument("id", type=UUID, metavar="ID", help="of the event")
    one.add_argument("--json", action="store_true", help="for programs")
    replay = quarantine.add_parser("replay", description="Have them tried again.")
    chosen = replay.add_mutually_exclusive_group(required=True)
    chosen.add_argument("ids", nargs="*", default=[], type=UUID, metavar="ID", help="of events")
    chosen.add_argument("--all", action="store_true", help="all of them")
