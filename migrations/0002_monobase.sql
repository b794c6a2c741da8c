-- What Monobase keeps for itself in data.db. PocketBase leaves tables it doesn't know alone; no collection can take a
-- name that begins with _mb_.

-- Facts of the directory: `schema` (the number of the last migration), `log_id` (random, new with each restore),
-- `changes_floor` (the last position whose row may be gone).
CREATE TABLE IF NOT EXISTS _mb_meta (
  key   TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);

-- The change log: a row per change of a record, `at` in Unix milliseconds, `old` the row before as JSON.
CREATE TABLE IF NOT EXISTS _mb_changes (
  position   INTEGER PRIMARY KEY NOT NULL,
  at         INTEGER NOT NULL,
  collection TEXT NOT NULL,
  record     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  old        TEXT
);

-- What leaves the machine because of a commit; `due` in Unix milliseconds, `error` of the last try.
CREATE TABLE IF NOT EXISTS _mb_outbox (
  id      TEXT PRIMARY KEY NOT NULL,
  kind    TEXT NOT NULL,
  payload TEXT NOT NULL,
  due     INTEGER NOT NULL,
  tries   INTEGER DEFAULT 0 NOT NULL,
  error   TEXT
);
CREATE INDEX IF NOT EXISTS idx_mb_outbox_due ON _mb_outbox (due);

-- Answers kept for requests that may come again: `key` is the client's key with the caller's name before it, `request`
-- a hash of what was asked, `at` in Unix milliseconds.
CREATE TABLE IF NOT EXISTS _mb_idempotency (
  key     TEXT PRIMARY KEY NOT NULL,
  request TEXT NOT NULL,
  status  INTEGER NOT NULL,
  body    BLOB NOT NULL,
  tag     TEXT DEFAULT '' NOT NULL,
  at      INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_mb_idempotency_at ON _mb_idempotency (at);
