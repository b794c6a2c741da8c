"""schemathesis over the API's own description: no 5xx, no answer that contradicts the document.

Usage: target/tools/py/bin/python tests/soak/openapi.py BINARY SECONDS

A copy of tests/data/base is served, so that there are collections of every kind with records, rules and files. Four
passes share the time: everything as a superuser, the same as a guest, records in sequences (what one answer names, the
next request uses), and the settings last, since a change of them may switch the rate limits on.

Left out: event streams, which never end; and in sequences writes to `_superusers`, which would end the run's own token.
Checks that are left out ask for what this API doesn't promise: a value of another type is converted and not refused
(`negative_data_rejection`), rules and unique indexes refuse what fits a schema (`positive_data_acceptance`), a wrong
method is a 404 (`unsupported_method`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
SCHEMATHESIS = os.path.join(os.path.dirname(sys.executable), "schemathesis")
START_SECONDS_MAX = 60
CHECKS = ",".join([
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
])
# Name, share of the time, as whom, arguments.
PASSES = [
    ("everything, as a superuser", 0.5, "superuser", ["--phases", "examples,coverage,fuzzing"]),
    ("everything, as a guest", 0.2, "guest", ["--phases", "fuzzing"]),
    ("records in sequences", 0.2, "superuser", ["--phases", "stateful", "--include-tag", "Records",
                                                "--exclude-path-regex", "_superusers"]),
    ("settings", 0.1, "superuser", ["--phases", "fuzzing", "--include-path", "/api/settings"]),
]
NOT_SETTINGS = ["--exclude-path-regex", r"^/api/(settings|realtime|realtime/ws)$"]


class Server:
    """The binary on a copy of the test directory."""

    def __init__(self, binary):
        self.home = tempfile.mkdtemp(prefix="monobase-openapi-")
        data = os.path.join(self.home, "pb_data")
        shutil.copytree(os.path.join(PROJECT, "tests/data/base"), data)
        self.log_path = os.path.join(self.home, "log")
        self.log = open(self.log_path, "wb")
        command = [binary, "serve", "--http", "127.0.0.1:0", "--dir", data,
                   "--publicDir", os.path.join(self.home, "pb_public")]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.url = self.wait_for_address()

    def wait_for_address(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"Server started at (http://[0-9.]+:[0-9]+)", self.printed())
            if found:
                return found.group(1)
            time.sleep(0.05)
        raise SystemExit(f"the server doesn't start; it printed:\n{self.printed()}")

    def printed(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def token(self):
        body = json.dumps({"identity": "test@example.com", "password": "1234567890"}).encode()
        request = urllib.request.Request(f"{self.url}/api/collections/_superusers/auth-with-password", body,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["token"]

    def document(self, token):
        """Writes the API's description to a file, since guests may not read it; gives the file's path."""
        request = urllib.request.Request(f"{self.url}/api/openapi.json", headers={"Authorization": token})
        path = os.path.join(self.home, "openapi.json")
        with urllib.request.urlopen(request) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
        return path

    def stop(self):
        """Ends it; whether it lived until then."""
        lived = self.process.poll() is None
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)
        return lived


def run(binary, seconds):
    server = Server(binary)
    failed = []
    try:
        token = server.token()
        document = server.document(token)
        for name, share, who, arguments in PASSES:
            command = [SCHEMATHESIS, "run", document,
                       "--url", server.url, "--checks", CHECKS, "--max-time", str(max(5, int(seconds * share))),
                       "--continue-on-failure", "--no-color", "--warnings", "off", "--request-timeout", "30",
                       *arguments]
            if name != "settings":
                command += NOT_SETTINGS
            if who == "superuser":
                command += ["-H", f"Authorization: {token}"]
            print(f"== {name}", flush=True)
            if subprocess.run(command, cwd=server.home).returncode != 0:
                failed.append(name)
        printed = server.printed()
        for line in printed.splitlines():
            if "panicked" in line:
                failed.append(line)
    finally:
        if not server.stop():
            failed.append("the server ended")
    print(f"schemathesis: {'failed: ' + '; '.join(failed) if failed else 'nothing found'} ({seconds} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    raise SystemExit(run(os.path.abspath(sys.argv[1]), int(sys.argv[2])))
