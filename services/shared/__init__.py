"""What more than one service needs. A closed list: answers, health, observing, principals, problems, running."""
