-- Entries of the activity log that aren't rows yet: a burst is put down batch by batch.
CREATE TABLE IF NOT EXISTS _mb_log_spool (
  position INTEGER PRIMARY KEY NOT NULL,
  batch    BLOB NOT NULL
);
