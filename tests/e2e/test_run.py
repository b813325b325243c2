"""`make run`, typed as a user types it, and the five commands that it prints."""

import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from instance import AS_ROOT, SANITIZED, TOP, free_port

pytestmark = pytest.mark.skipif(SANITIZED, reason="`make run` runs what is shipped")


class Run:
    """`make run` (or another command that ends in config/run.sh) until it says `ready`."""

    def __init__(self, directory, argv=("make", "--no-print-directory", "run"), cwd=TOP, **env):
        self.dir = Path(directory)
        self.cwd = cwd
        self.ldaps_port = free_port(socket.SOCK_STREAM)
        self.radius_port = free_port(socket.SOCK_DGRAM)
        clean = {k: v for k, v in os.environ.items()
                 if k not in ("MAKEFLAGS", "MAKELEVEL", "BUILD", "MAKE") and "KANIDM" not in k}
        self.process = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=dict(clean, RUN_DIR=str(directory), LDAPS_PORT=str(self.ldaps_port),
                     RADIUS_PORT=str(self.radius_port),
                     RADIUS_ACCT_PORT=str(free_port(socket.SOCK_DGRAM)), **env))
        self.output = ""

    def until_ready(self, seconds=120):
        deadline = time.monotonic() + seconds
        while not re.search(r"^ready$", self.output, re.M):
            left = deadline - time.monotonic()
            assert left > 0, f"not ready after {seconds} s:\n{self.output}"
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"ended:\n{self.output}"
                self.output += data.decode()
        return self

    def commands(self):
        found = dict(re.findall(r"^([1-5])  (.+)$", self.output, re.M))
        assert sorted(found) == ["1", "2", "3", "4", "5"], self.output
        return found

    def type(self, number):
        """Run a printed command as a shell in the same directory would."""
        done = subprocess.run(["bash", "-c", self.commands()[number]], cwd=self.cwd, text=True,
                              capture_output=True, timeout=60,
                              env=dict(os.environ, HOME=str(self.dir)))
        return done.returncode, done.stdout + done.stderr

    def children(self):
        """Every process of the instance: all have its directory in their command line."""
        found = set()
        for proc in Path("/proc").glob("[0-9]*"):
            try:
                line = (proc / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.dir.resolve()) in line:
                found.add(int(proc.name))
        return found

    def owners(self):
        """The users that they run as; /proc's own owner is root's where core dumps are off."""
        return {int(re.search(r"^Uid:\t(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
                for pid in self.children()}

    def end(self, how=signal.SIGTERM, group=False):
        if self.process.poll() is None:
            if group:
                os.killpg(self.process.pid, how)
            else:
                self.process.send_signal(how)
        try:
            self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


@pytest.fixture
def directory():
    made = Path(tempfile.mkdtemp(prefix="kanidm-run-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_the_five_commands_do_what_they_say(directory):
    run = Run(directory / "run")
    try:
        run.until_ready()
        status, text = run.type("1")
        assert (status, text.strip()) == (0, "u:demo_user@idm.example.com")
        status, text = run.type("2")
        assert status == 0 and "uid: demo_user" in text, text
        for number in "3", "4":
            status, text = run.type(number)
            assert status == 0 and "Received Access-Accept" in text, text

        status, text = run.type("5")
        assert status == 0, text
        status, text = run.type("1")
        assert status == 49 and "Invalid credentials (49)" in text, text
        for number in "3", "4":
            status, text = run.type(number)
            assert "Received Access-Reject" in text, text

        if AS_ROOT:
            owners = {pwd.getpwuid(uid).pw_name for uid in run.owners()}
            assert {"kanidm-core", "kanidm-ldap", "freerad"} <= owners
        names = ["server.toml", "ca.pem", "admin.password", "idm_admin.password",
                 "demo_user.password", "demo_user.radius", "radius.secret"]
        for name in names:
            assert (run.dir / name).stat().st_mode & 0o777 == 0o600, name
        assert (run.dir / "ldapi").is_socket()
    finally:
        children = run.children()
        run.end()
    assert run.process.returncode is not None
    assert not run.children(), "something still runs"
    assert children, "the look for processes finds them while they run"


def test_again_it_keeps_the_data_and_ctrl_c_ends_it(directory):
    run = Run(directory / "run")
    try:
        run.until_ready()
    finally:
        run.end(signal.SIGINT, group=True)
    assert not run.children()
    passwords = {p.name: p.read_text() for p in run.dir.glob("*.password")}
    assert sorted(passwords) == ["admin.password", "demo_user.password", "idm_admin.password"]

    again = Run(directory / "run")
    try:
        again.until_ready()
        assert {p.name: p.read_text() for p in run.dir.glob("*.password")} == passwords
        status, text = again.type("1")
        assert (status, text.strip()) == (0, "u:demo_user@idm.example.com")
        status, text = again.type("3")
        assert "Received Access-Accept" in text
    finally:
        again.end()
    assert not again.children()


def test_two_run_side_by_side(directory):
    one = Run(directory / "one")
    two = Run(directory / "two", DOMAIN="other.example.net", DEMO="no")
    try:
        one.until_ready()
        two.until_ready()
        assert "demo_user" not in two.output
        assert not (two.dir / "demo_user.password").exists()
        assert one.type("1")[0] == 0
        whoami = subprocess.run(
            ["ldapwhoami", "-x", "-H", f"ldaps://localhost:{two.ldaps_port}", "-D", "idm_admin",
             "-y", two.dir / "idm_admin.password"], text=True, capture_output=True,
            env=dict(os.environ, LDAPTLS_CACERT=str(two.dir / "ca.pem")))
        assert whoami.stdout.strip() == "u:idm_admin@other.example.net", whoami.stderr
        one.end()
        assert not one.children()
        assert two.process.poll() is None and two.children()
    finally:
        one.end()
        two.end()


@pytest.mark.skipif(not AS_ROOT, reason="is one already")
def test_an_unprivileged_user_can_run_it(directory):
    """With a copy of the programs, since the tree may be closed to others."""
    copy = directory / "tree"
    shutil.copytree(TOP / "config", copy / "config")
    for part in "bin", "lib":
        shutil.copytree(TOP / "build" / part, copy / "build" / part)
    shutil.chown(directory, 65534, 65534)
    run = Run(directory / "run", cwd=copy, argv=(
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "config/run.sh"))
    try:
        run.until_ready()
        assert run.owners() == {65534}
        assert run.type("1") == (0, "u:demo_user@idm.example.com\n")
        assert "Received Access-Accept" in run.type("3")[1]
        assert run.type("5")[0] == 0
        assert run.type("1")[0] == 49
    finally:
        run.end()
    assert not run.children()


def test_a_port_in_use_is_said(directory):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = subprocess.run(
            ["make", "--no-print-directory", "run", f"RUN_DIR={directory / 'run'}",
             f"LDAPS_PORT={taken.getsockname()[1]}", f"RADIUS_PORT={free_port(socket.SOCK_DGRAM)}"],
            cwd=TOP, capture_output=True, text=True, timeout=120)
        assert run.returncode != 0
        assert str(taken.getsockname()[1]) in run.stderr
        assert "in use" in run.stderr


@pytest.mark.parametrize("variable,value", [
    ("LDAPS_PORT", "ldaps"), ("RADIUS_PORT", "70000"), ("DOMAIN", "Not A Domain")])
def test_a_bad_variable_is_refused_by_name(directory, variable, value):
    done = subprocess.run([TOP / "config" / "run.sh"], cwd=TOP, capture_output=True, text=True,
                          env=dict(os.environ, RUN_DIR=str(directory / "run"), **{variable: value}))
    assert done.returncode == 1
    assert value in done.stderr
    assert not (directory / "run").exists()
