"""What more than one service needs. A closed list: answers, apps, clock, health, observing, principals,
problems, running."""
