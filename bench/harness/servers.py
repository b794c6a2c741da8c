"""The servers that are measured: started on a free port, asked what they cost, stopped by their own process id."""
import http.client
import os
import re
import socket
import subprocess
import time

START_SECONDS_MAX = 60
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A child process that answers `health` on `port` once it is up."""

    name = ""
    health = "/api/health"

    def __init__(self, root, binary, home):
        self.home = home
        self.port = free_port()
        started = time.monotonic()
        # Files, not pipes: nobody reads them, and a full pipe would stop the server.
        self.log = open(home.parent / f"{home.name}.log", "wb")
        self.child = subprocess.Popen(
            [str(part) for part in self.command(root, binary)], stdout=self.log, stderr=self.log
        )
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() - started > START_SECONDS_MAX:
                self.stop()
                raise SystemExit(f"{self.name} did not come up; see {self.log.name}")
            time.sleep(0.001)
        self.start_ms = (time.monotonic() - started) * 1000

    def command(self, root, binary):
        raise NotImplementedError

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.health)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.child.pid}/stat", encoding="utf8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def rss_bytes(self):
        """Resident memory without the pages of the databases, which the system may take back at any time."""
        resident, mapped_file = 0, ""
        with open(f"/proc/{self.child.pid}/smaps", encoding="utf8") as smaps:
            for line in smaps:
                if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                    mapped_file = line.split(maxsplit=5)[5].strip() if line.count(" ") > 4 and "/" in line else ""
                elif line.startswith("Rss:") and not re.search(r"\.db(-wal|-shm)?$", mapped_file):
                    resident += int(line.split()[1]) * 1024
        return resident

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Floor(Server):
    """The least a server could do with the same parts (bench/limits)."""

    name = "floor"
    health = "/constant"

    @staticmethod
    def program(root):
        return root / "bench/target/release/floor"

    @classmethod
    def is_there(cls, root, _binary):
        return cls.program(root).exists()

    def command(self, root, _binary):
        return [self.program(root), f"127.0.0.1:{self.port}", self.home]


class Peer(Server):
    """PocketBase, with its default settings."""

    name = "peer"

    @staticmethod
    def program(root):
        return root / "target/tools/py/bin/pocketbase"

    @classmethod
    def is_there(cls, root, _binary):
        return cls.program(root).exists()

    def command(self, root, _binary):
        return [self.program(root), "serve", "--dir", self.home, "--http", f"127.0.0.1:{self.port}"]


class Monobase(Server):
    name = "monobase"

    @classmethod
    def is_there(cls, _root, _binary):
        return True

    def command(self, _root, binary):
        return [binary, "serve", "--dir", self.home, "--http", f"127.0.0.1:{self.port}"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
