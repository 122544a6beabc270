"""Servers for a test, each on 127.0.0.1 and ended with it."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process=None, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process is None or process.poll() is None, "the server ended"
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at port {port}")


class Postgres:
    """A PostgreSQL server of its own, as a user of its own (it refuses to run as root)."""

    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [os.path.dirname(shutil.which("initdb") or "")]
        self.bin = Path(found[-1])
        if not (self.bin / "initdb").exists():
            assert not os.environ.get("CI"), "PostgreSQL is missing: CI installs it"
            pytest.skip("PostgreSQL is not installed")
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", str(self.folder / "D"), "-U", "postgres", "--auth=trust", "--no-sync")

    @property
    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, command, *arguments):
        call = [str(self.bin / command), *arguments]
        if os.getuid() == 0:
            call = ["runuser", "-u", "postgres", "--", *call]
        subprocess.run(call, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50"
        log = str(self.folder / "log")
        end = time.monotonic() + 30
        while True:  # after a kill, the memory that the server shared is in use until its last process has gone
            try:
                self._run("pg_ctl", "-D", str(self.folder / "D"), "-l", log, "-o", options, "-w", "start")
                return self
            except subprocess.CalledProcessError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def kill(self):
        """SIGKILL of the server, all connections with it."""
        os.kill(int((self.folder / "D" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        time.sleep(0.3)
        (self.folder / "D" / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self, *, over=False):
        """SIGSTOP of the server and those of its processes that serve connections: it answers nothing any more."""
        main = (self.folder / "D" / "postmaster.pid").read_text().split()[0]
        below = subprocess.run(["pgrep", "-P", main], capture_output=True, text=True, check=True).stdout.split()
        for process in (main, *below):
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGCONT if over else signal.SIGSTOP)

    def stop(self):
        if (self.folder / "D" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.folder / "D"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement):
        import psycopg2

        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


class Dask:
    """A Dask scheduler and workers as processes of their own."""

    def __init__(self, folder, options=(), protocol="tcp"):
        self.port, self.folder, self.options, self.protocol = free_port(), folder, list(options), protocol
        self.scheduler, self.workers = None, []

    @property
    def address(self):
        return f"{self.protocol}://127.0.0.1:{self.port}"

    def _start(self, *arguments):
        log = open(self.folder / f"dask-{time.monotonic_ns()}.log", "w")  # noqa: SIM115 - the process's own
        call = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:], *self.options]
        return subprocess.Popen(call, stdout=log, stderr=log, start_new_session=True)

    def start_scheduler(self):
        common = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler = self._start("scheduler", "--protocol", self.protocol, "--port", str(self.port), *common)
        wait_for_port(self.port, self.scheduler)
        return self

    def kill_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()

    def start_worker(self):
        more = ["--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--local-directory", str(self.folder)]
        self.workers.append(self._start("worker", self.address, *more))
        return self

    @contextmanager
    def running(self, workers=1):
        try:
            self.start_scheduler()
            for _ in range(workers):
                self.start_worker()
            yield self
        finally:
            for process in (self.scheduler, *self.workers):
                if process is not None:
                    with_group(process)


def with_group(process):
    """SIGKILL of a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


ANSWERS = ["500", "404", "html", "{}", "closes", "hangs"]


class Liar:
    """An HTTP server on which everything is answered in one wrong way."""

    def __init__(self, answer):
        self.answer, self.answered, self.released = answer, 0, threading.Event()
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if liar.answer == "hangs":
                    liar.released.wait(60)
                if liar.answer in ("hangs", "closes"):
                    self.close_connection = True
                    return
                body = b"{}" if liar.answer == "{}" else b"<html>It works!</html>"
                self.send_response(int(liar.answer) if liar.answer.isdecimal() else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                liar.answered += 1

            do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
