-- How far imports of files are: `source` is a hash of the file's content and of what was asked, `records` counts those
-- that were read and settled, `report` is the file of refused rows with its length before the last batch and what that
-- batch adds to it, `at` in Unix milliseconds.
CREATE TABLE IF NOT EXISTS _mb_imports (
  source       TEXT PRIMARY KEY NOT NULL,
  collection   TEXT NOT NULL,
  records      INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  updated      INTEGER NOT NULL,
  refused      INTEGER NOT NULL,
  report       TEXT NOT NULL,
  report_bytes INTEGER NOT NULL,
  report_tail  TEXT NOT NULL,
  done         INTEGER NOT NULL,
  at           INTEGER NOT NULL
);
