"""What is measured: each workload is a request shape that wrk repeats, with the goal it must reach."""
import dataclasses
import http.client
import json
import pathlib
import subprocess
import tempfile
import urllib.parse

from . import data
from .goals import Goal

WARM_UP_SECONDS = 1

# Workloads that goals of others refer to.
VIEW, LIST = "view, open rule", "list 30, skipTotal"

# Prints one line for us; wrk's own report rounds too much.
LUA_DONE = """
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %.0f %.0f\\n", summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclasses.dataclass
class Measured:
    """One run of one workload on one server; `note` instead of figures when it could not be run."""

    requests_per_second: float = 0.0
    cpu_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    note: str = ""

    def __str__(self):
        if self.note:
            return self.note
        return f"{self.requests_per_second:9.0f}/s {self.cpu_us:8.1f} µs CPU, p50 {self.p50_ms:.2f} p99 {self.p99_ms:.2f} ms"


@dataclasses.dataclass
class Workload:
    name: str
    path: str
    goal: Goal
    method: str = "GET"
    token: str = ""
    # A body; `%d` in it becomes a number that no other request of the run has.
    body: str = ""
    connections: int = 32
    # `{id}` in the path becomes one of these in turn.
    ids: list = dataclasses.field(default_factory=list)
    # The path of the floor of the same kind; empty: no floor.
    floor: str = ""
    # How many items the answer's page must have; None: not a list.
    items: int | None = None
    # Whether `make bench-growth` measures it.
    grows: bool = False
    # Pages of 1,000 to walk for the cursor that `{cursor}` in the path becomes.
    cursor_pages: int = 0

    def run(self, server, seconds):
        path = self.floor if server.name == "floor" else self.path
        if not path:
            return Measured(note="–")
        if self.cursor_pages:
            cursor = self.walk(server)
            if not cursor:
                return Measured(note="–")
            path = path.replace("{cursor}", cursor)
        refusal = self.probe(server, path)
        if refusal:
            return Measured(note=refusal)
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "load.lua"
            script.write_text(self.lua(path, folder), encoding="utf8")
            self.load(server, script, WARM_UP_SECONDS)
            before = server.cpu_seconds()
            answers, duration_us, refused, broken, p50_us, p99_us = self.load(server, script, seconds)
            cpu = server.cpu_seconds() - before
        if refused or broken or not answers:
            return Measured(note=f"{refused} refused, {broken} broken of {answers}")
        return Measured(answers / duration_us * 1e6, cpu / answers * 1e6, p50_us / 1000, p99_us / 1000)

    def load(self, server, script, seconds):
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script),
                   f"http://127.0.0.1:{server.port}"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        line = next(line for line in printed.splitlines() if line.startswith("RESULT "))
        return [int(figure) for figure in line.split()[1:]]

    def headers(self):
        headers = {"Content-Type": "application/json"} if self.body else {}
        return {**headers, "Authorization": self.token} if self.token else headers

    def lua(self, path, folder):
        """The wrk script: a constant request where it can be, since wrk then formats it once."""
        headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in self.headers().items())
        head = f'wrk.method = "{self.method}"\nwrk.path = {json.dumps(path)}\nwrk.headers = {{{headers}}}\n'
        if self.ids and "{id}" in path:
            ids = pathlib.Path(folder) / "ids"
            ids.write_text("\n".join(self.ids), encoding="utf8")
            before, after = path.split("{id}")
            return head + LUA_DONE + f"""
local ids, n = {{}}, 0
for id in io.lines({json.dumps(str(ids))}) do ids[#ids + 1] = id end
request = function()
  n = n % #ids + 1
  return wrk.format(nil, {json.dumps(before)} .. ids[n] .. {json.dumps(after)})
end
"""
        if "%d" in self.body:
            return head + LUA_DONE + f"""
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, string.format({json.dumps(self.body)}, n))
end
"""
        return head + (f"wrk.body = {json.dumps(self.body)}\n" if self.body else "") + LUA_DONE

    def probe(self, server, path):
        """Asks once; says what is wrong with the answer, or nothing."""
        status, text = self.ask(server, path.replace("{id}", self.ids[0] if self.ids else ""))
        if status != 200:
            return f"answers {status}"
        if self.items is not None and server.name != "floor":
            items = len(json.loads(text)["items"])
            if items != self.items:
                return f"gives {items} items"
        return ""

    def ask(self, server, path):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request(self.method, path, self.body.replace("%d", "0") or None, self.headers())
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def walk(self, server):
        """The cursor after so many pages of 1,000; empty where cursors aren't known."""
        cursor = ""
        for _ in range(self.cursor_pages):
            path = self.path.replace("{cursor}", cursor).replace("perPage=30", "perPage=1000")
            status, text = self.ask(server, path)
            cursor = json.loads(text).get("nextCursor", "") if status == 200 else ""
            if not cursor:
                return ""
        return cursor


def all_of(seed):
    """Every workload that the routes allow, with the goals that the project set itself."""
    posts, owned = "/api/collections/posts/records", "/api/collections/owned/records"
    quote = urllib.parse.quote
    narrow = quote(f"number > {seed.rows - seed.rows // 10} && title ~ 'amber'")
    create = json.dumps({"title": "a new post", "number": 0, "author": seed.user_id}).replace(": 0", ": %d")
    ids, token = seed.post_ids, seed.user_token
    deep_page = (seed.rows - seed.rows // 100) // 30
    return [
        Workload("health", "/api/health", Goal(of_floor=0.8, cpu_below_peer=5), floor="/constant"),
        Workload(VIEW, f"{posts}/{{id}}", Goal(of_floor=0.8, cpu_below_peer=9), ids=ids, floor="/row/{id}", grows=True),
        Workload(LIST, f"{posts}?skipTotal=1", Goal(of_floor=0.8, cpu_below_peer=20), items=30, floor="/rows", grows=True),
        Workload("list 30 with total", posts, Goal(like=LIST), items=30, floor="/rows", grows=True),
        Workload("indexed filter, ~, sort, 20", f"{posts}?filter={narrow}&sort=number&perPage=20&skipTotal=1",
                 Goal(of_peer=8), items=20, grows=True),
        Workload("view, expand author, team", f"{posts}/{{id}}?expand=author,team", Goal(of_peer=5), ids=ids),
        Workload("view under a relation rule", f"{owned}/{seed.owned_id}", Goal(of_peer=6), token=token),
        # Two connections: the peer takes seconds for each answer to more.
        Workload("list 20 under that rule, sorted", f"{owned}?perPage=20&sort=title", Goal(of_peer=30), items=20, token=token,
                 connections=2),
        Workload(f"page {deep_page} by offset", f"{posts}?page={deep_page}&sort=number&skipTotal=1", Goal(of_peer=5), items=30),
        Workload("the same depth by cursor", f"{posts}?after={{cursor}}&sort=number&skipTotal=1&perPage=30", Goal(like=LIST),
                 items=30, cursor_pages=seed.rows // 1000 - 1, grows=True),
        Workload("auth-refresh", "/api/collections/users/auth-refresh", Goal(of_peer=5), method="POST", token=token),
        Workload("create, 1 connection", posts, Goal(of_peer=2), method="POST", body=create, connections=1, grows=True),
        Workload("create, 64 connections", posts, Goal(of_peer=7, cpu_below_peer=10), method="POST", body=create,
                 connections=64, grows=True),
        Workload("update one row, 64 connections", f"{posts}/{ids[0]}", Goal(of_peer=6), method="PATCH",
                 body='{"number": %d}', connections=64),
        sign_in(seed, 8),
        Workload("download 100 KiB", f"/api/files/{seed.file_path}", Goal(of_floor=0.7, cpu_below_peer=3), floor="/file"),
    ]


def sign_in(seed, connections):
    body = json.dumps({"identity": seed.user_email, "password": data.PASSWORD})
    return Workload(f"sign-in, {connections} connections", "/api/collections/users/auth-with-password", Goal(of_peer=0.95),
                    method="POST", body=body, connections=connections)
