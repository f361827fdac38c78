#!/bin/sh
# Makes a backup every BACKUP_EVERY seconds and keeps the last BACKUPS_KEPT; BACKUP_OPTIONS may say --objects. One that
# failed leaves nothing behind but a word for the health check; what a killed one has left goes before the next.
# One without the bytes of some objects (status 3) counts as made, with a word for the health check too. The last
# complete one is kept beside those: it may be all that has the bytes of what was lost since.
set -u
place=${BACKUPS:-/backups}
failed=${BACKUP_FAILED:-/tmp/failed}
incomplete=3

prune() {
  complete=$(grep -lE '^ *"absent": 0,?$' "$place"/chitram-*/manifest.json | sort | tail -n 1)
  # shellcheck disable=SC2012 # the names are ours
  ls -1d "$place"/chitram-* | sort -r | tail -n "+$((BACKUPS_KEPT + 1))" |
    grep -vxF "${complete%/manifest.json}" | xargs -r rm -r --
}

while true; do
  rm -rf "$place"/chitram-*.partial
  # shellcheck disable=SC2086 # options are words
  chitram backup "$place/chitram-$(date -u +%Y%m%dT%H%M%SZ)" ${BACKUP_OPTIONS:-}
  status=$?
  case $status in
    0) rm -f "$failed" ;;
    "$incomplete") touch "$failed"; echo "THE BACKUP IS INCOMPLETE: objects are lost. Try: chitram scrub" >&2 ;;
    *) touch "$failed"; sleep 60 & wait $!; continue ;;
  esac
  prune
  sleep "$BACKUP_EVERY" & wait $!
done
