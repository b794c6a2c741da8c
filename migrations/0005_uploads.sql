-- Uploads that may be resumed, until a record takes them: `owner` is the caller (`collection/record`), `received` the bytes
-- that are on the disk for sure, `expires` in Unix milliseconds. The bytes lie in a file named by the id.
CREATE TABLE IF NOT EXISTS _mb_uploads (
  id       TEXT PRIMARY KEY NOT NULL,
  owner    TEXT NOT NULL,
  name     TEXT NOT NULL,
  size     INTEGER NOT NULL,
  received INTEGER NOT NULL,
  expires  INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_mb_uploads_owner ON _mb_uploads (owner);
CREATE INDEX IF NOT EXISTS idx_mb_uploads_expires ON _mb_uploads (expires);
