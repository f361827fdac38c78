#!/bin/sh
# Dumps the database of a replica every BACKUP_EVERY seconds and keeps the last BACKUPS_KEPT dumps. The custom format is
# compressed, and pg_restore reads it. A dump that failed leaves nothing behind but a word for the health check.
set -u

target=/var/lib/postgresql/data/backups
source=$(cat /etc/chitram/source)
mkdir -p "$target"

while true; do
  file="$target/chitram-$(date -u +%Y%m%dT%H%M%SZ).dump"
  if pg_dump --dbname="$source" --format=custom --no-owner --file="$file.partial" && mv "$file.partial" "$file"; then
    rm -f /tmp/failed
    echo "dumped $(basename "$file"), $(wc -c < "$file") bytes"
    # shellcheck disable=SC2012 # the names are ours
    ls -1 "$target"/chitram-*.dump | sort -r | tail -n "+$((BACKUPS_KEPT + 1))" | xargs -r rm --
    sleep "$BACKUP_EVERY" & wait $!
  else
    rm -f "$file.partial"
    touch /tmp/failed
    sleep 60 & wait $!
  fi
done
