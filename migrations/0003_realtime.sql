-- How far the topics of applications that resume by a key of their own were sent: `caller` is the auth record
-- (`collection/record`, empty for guests), `at` in Unix milliseconds the last write, `orderly` whether the server ended
-- the stream itself.
CREATE TABLE IF NOT EXISTS _mb_resume (
  key      TEXT NOT NULL,
  topic    TEXT NOT NULL,
  caller   TEXT NOT NULL,
  position INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  orderly  INTEGER NOT NULL,
  PRIMARY KEY (key, topic, caller)
);
