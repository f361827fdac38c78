#!/bin/sh
# Starts a Postgres replica. It is copied from the primary when there is nothing to start from, or when the primary has
# thrown away what the copy would need to catch up; otherwise it goes on where it was, also while there is no primary.
set -eu

primary=$(cat /etc/chitram/primary)
slot=$(cat /etc/chitram/slot)

ask() {
  psql "$primary dbname=postgres" --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --command="$1"
}

can_follow() {
  [ -s "$PGDATA/PG_VERSION" ] || return 1
  status=$(ask "select coalesce(max(wal_status), 'gone') from pg_replication_slots where slot_name = '$slot'") || return 0
  [ "$status" != lost ] && [ "$status" != gone ]
}

copy() {
  echo "copying the primary"
  rm -rf "$PGDATA" "$PGDATA.partial"
  ask "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '$slot'" || return 1
  pg_basebackup --dbname="$primary" --no-password --pgdata="$PGDATA.partial" --wal-method=stream --checkpoint=fast \
    --create-slot --slot="$slot" || return 1
  touch "$PGDATA.partial/standby.signal"
  mv "$PGDATA.partial" "$PGDATA"
}

if ! can_follow; then
  until copy; do sleep 1; done
fi
exec postgres -c config_file=/etc/chitram/postgresql.conf
