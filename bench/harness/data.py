"""The data directory that everything is measured on.

Monobase makes it (collections over its API), rows are written by SQLite directly: 40 users, 20 teams, `posts` and
`owned` with the same columns and as many rows as asked for, `docs` with one file of 100 KiB. The same seed gives the
same rows.
"""
import base64
import dataclasses
import hashlib
import hmac
import http.client
import json
import pathlib
import random
import shutil
import sqlite3
import subprocess
import time

from . import servers

EMAIL, PASSWORD = "test@example.com", "1234567890"
USERS, TEAMS = 40, 20
FILE_BYTES = 100 * 1024
FILE_NAME = "random_0123456789.bin"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = "amber birch cedar delta ember frost grove haven iris jade kelp lotus maple north olive pearl quartz river".split()
MINE = "@request.auth.id != '' && (author = @request.auth.id || team.users_via_team.id ?= @request.auth.id)"


@dataclasses.dataclass
class Seed:
    """What the workloads need to know of the directory."""

    home: pathlib.Path
    rows: int
    post_ids: list
    # A record of `owned` that the user may see.
    owned_id: str
    user_id: str
    user_email: str
    user_token: str
    file_path: str


def make(binary, home, rows):
    """Makes the directory at `home`; `rows` in each of the two big collections."""
    home.mkdir(parents=True)
    subprocess.run([binary, "superuser", "upsert", EMAIL, PASSWORD, "--dir", home], check=True, stdout=subprocess.DEVNULL)
    with servers.Monobase(None, binary, home) as server:
        create_collections(server, token_of(home, "_superusers"))
    return fill(home, rows)


def copy(seed, home):
    shutil.copytree(seed.home, home)
    return home


def create_collections(server, token):
    def api(method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request(method, path, json.dumps(body), {"Authorization": token, "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    open_rules = {rule: "" for rule in ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")}
    mine = {**open_rules, "listRule": MINE, "viewRule": MINE}
    created = [{"name": "created", "type": "autodate", "onCreate": True},
               {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True}]
    teams = api("POST", "/api/collections",
                {"name": "teams", "type": "base", **open_rules, "fields": [{"name": "name", "type": "text"}]})
    users = api("GET", "/api/collections/users", None)
    relation = {"type": "relation", "maxSelect": 1}
    api("PATCH", "/api/collections/users",
        {**open_rules, "fields": users["fields"] + [{**relation, "name": "team", "collectionId": teams["id"]}]})
    columns = [{"name": "title", "type": "text"}, {"name": "number", "type": "number"},
               {**relation, "name": "author", "collectionId": users["id"]},
               {**relation, "name": "team", "collectionId": teams["id"]}, *created]
    for name, rules in (("posts", open_rules), ("owned", mine)):
        api("POST", "/api/collections", {"name": name, "type": "base", **rules, "fields": columns,
                                         "indexes": [f"CREATE INDEX idx_{name}_number ON {name} (number)"]})
    api("POST", "/api/collections", {"name": "docs", "type": "base", **open_rules,
                                     "fields": [{"name": "file", "type": "file", "maxSelect": 1, "maxSize": 1 << 20}]})
    # One account over the API, so that every other can share its password hash.
    api("POST", "/api/collections/users/records",
        {"email": "user0@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD})


def fill(home, rows):
    chance = random.Random(42)

    def new_id():
        return "".join(chance.choices(ALPHABET, k=15))

    db = sqlite3.connect(home / "data.db")
    team_ids = [new_id() for _ in range(TEAMS)]
    db.executemany("INSERT INTO teams (id, name) VALUES (?, ?)", [(id, f"team {n}") for n, id in enumerate(team_ids)])
    first, password = db.execute("SELECT id, password FROM users").fetchone()
    user_ids = [first] + [new_id() for _ in range(USERS - 1)]
    now = "2026-01-01 00:00:00.000Z"
    db.executemany(
        "INSERT INTO users (id, email, password, tokenKey, verified, created, updated) VALUES (?, ?, ?, ?, 1, ?, ?)",
        [(id, f"user{n}@example.com", password, new_id() * 3, now, now) for n, id in enumerate(user_ids) if n > 0])
    db.executemany("UPDATE users SET team = ? WHERE id = ?", [(team_ids[n % TEAMS], id) for n, id in enumerate(user_ids)])
    post_ids = []
    for table in ("posts", "owned"):
        ids = [new_id() for _ in range(rows)]
        post_ids = post_ids or ids
        db.executemany(
            f"INSERT INTO {table} (id, title, number, author, team, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((id, " ".join(chance.choices(WORDS, k=4)), n, chance.choice(user_ids), chance.choice(team_ids), stamp(n), stamp(n))
             for n, id in enumerate(ids)))
    owned_id = db.execute("SELECT id FROM owned WHERE author = ? LIMIT 1", (first,)).fetchone()[0]
    docs, doc_id = db.execute("SELECT id FROM _collections WHERE name = 'docs'").fetchone()[0], new_id()
    db.execute("INSERT INTO docs (id, file) VALUES (?, ?)", (doc_id, FILE_NAME))
    db.commit()
    db.execute("ANALYZE")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    folder = home / "storage" / docs / doc_id
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_bytes(chance.randbytes(FILE_BYTES))
    return Seed(home, rows, chance.sample(post_ids, min(rows, 10_000)), owned_id, first, "user0@example.com",
                token_of(home, "users"), f"docs/{doc_id}/{FILE_NAME}")


def stamp(n):
    return time.strftime("%Y-%m-%d %H:%M:%S.", time.gmtime(1_750_000_000 + n * 60)) + f"{n % 1000:03}Z"


def token_of(home, collection):
    """An auth token of the collection's first record, good for a day: HS256 over the record's key and the secret."""
    db = sqlite3.connect(home / "data.db")
    collection_id, options = db.execute("SELECT id, options FROM _collections WHERE name = ?", (collection,)).fetchone()
    record_id, key = db.execute(f"SELECT id, tokenKey FROM {collection} ORDER BY created LIMIT 1").fetchone()
    if collection == "users":
        record_id, key = db.execute("SELECT id, tokenKey FROM users WHERE email = 'user0@example.com'").fetchone()
    db.close()
    claims = {"id": record_id, "collectionId": collection_id, "type": "auth", "refreshable": True,
              "exp": int(time.time()) + 86400}
    signed = b".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    secret = (key + json.loads(options)["authToken"]["secret"]).encode()
    return (signed + b"." + encode(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
