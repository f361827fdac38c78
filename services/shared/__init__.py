"""What more than one service needs. A closed list: answers, apps, client, clock, health, observing, principals,
problems, running, tokens, usage."""
