"""How fast `monobase import` is against a bare SQLite loop with 32 rows a transaction into a table of the same shape."""
import csv
import random
import sqlite3
import statistics
import string
import subprocess
import time

from . import report

ROWS = 200_000
ROWS_A_TRANSACTION = 32
GOAL = 0.5
TITLE = "A title of a usual length, some forty characters"
CREATED = "2026-11-24 13:46:14.086Z"
TABLE = (
    "CREATE TABLE posts (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, number NUMERIC NOT NULL, "
    "created TEXT NOT NULL)"
)


def measure(binary, scratch, options):
    file = scratch / "posts.csv"
    with file.open("w", newline="", encoding="utf8") as out:
        rows = csv.writer(out)
        rows.writerow(["title", "number", "created"])
        rows.writerows([TITLE, number, CREATED] for number in range(ROWS))
    bare, imported = [], []
    for number in range(options.rounds):
        bare.append(ROWS / bare_loop(scratch / f"bare-{number}"))
        imported.append(ROWS / run_import(binary, file, scratch / f"import-{number}"))
    bare, imported = statistics.median(bare), statistics.median(imported)
    return "\n".join([
        f"{report.date()}: medians of {options.rounds}, {ROWS:,} rows; the import's time is that of the whole command, with its",
        "first reading of the file, checks, the change log and `synchronous=FULL`.",
        "",
        "| | rows a second | of the bare loop | goal |",
        "| --- | --- | --- | --- |",
        f"| bare loop, {ROWS_A_TRANSACTION} rows a transaction, FULL | {bare:.0f} | 100 % | |",
        f"| `monobase import` of a CSV file | {imported:.0f} | {100 * imported / bare:.0f} % | > {100 * GOAL:.0f} % |",
        "",
    ])


def bare_loop(folder):
    """Seconds."""
    folder.mkdir()
    database = sqlite3.connect(folder / "data.db", isolation_level=None)
    database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32000; {TABLE}")
    letters = random.Random(1)
    rows = [("".join(letters.choices(string.ascii_lowercase, k=15)), TITLE, number, CREATED) for number in range(ROWS)]
    began = time.monotonic()
    for first in range(0, ROWS, ROWS_A_TRANSACTION):
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO posts VALUES (?, ?, ?, ?)", rows[first : first + ROWS_A_TRANSACTION])
        database.execute("COMMIT")
    took = time.monotonic() - began
    database.close()
    return took


def run_import(binary, file, folder):
    """Seconds."""
    upsert = [binary, "superuser", "upsert", "bench@example.com", "1234567890", "--dir", folder]
    subprocess.run(upsert, check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    subprocess.run([binary, "import", file, "--yes", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
