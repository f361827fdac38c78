#!/bin/sh
# Makes a backup every BACKUP_EVERY seconds and keeps the last BACKUPS_KEPT; BACKUP_OPTIONS may say --objects. One that
# failed leaves nothing behind but a word for the health check; what a killed one has left goes before the next.
set -u

while true; do
  rm -rf /backups/chitram-*.partial
  # shellcheck disable=SC2086 # options are words
  if chitram backup "/backups/chitram-$(date -u +%Y%m%dT%H%M%SZ)" ${BACKUP_OPTIONS:-}; then
    rm -f /tmp/failed
    # shellcheck disable=SC2012 # the names are ours
    ls -1d /backups/chitram-* | sort -r | tail -n "+$((BACKUPS_KEPT + 1))" | xargs -r rm -r --
    sleep "$BACKUP_EVERY" & wait $!
  else
    touch /tmp/failed
    sleep 60 & wait $!
  fi
done
