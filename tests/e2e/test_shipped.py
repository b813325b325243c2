"""What is built to be shipped, looked at from outside."""

import os
import subprocess

import pytest

from instance import SANITIZED, TOP

BUILD = TOP / "build"
PROGRAMS = [BUILD / "bin" / name for name in ("kanidm", "kanidmd", "kanidm-ldapd")]
MODULE = BUILD / "lib" / "rlm_kanidm.so"

pytestmark = pytest.mark.skipif(SANITIZED, reason="the sanitizers' build is not shipped")


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("path", [*PROGRAMS, MODULE], ids=lambda p: p.name)
def test_has_no_clock_to_shift(path):
    assert b"KANIDM_TEST_CLOCK" not in path.read_bytes()


@pytest.mark.parametrize("path", [
    BUILD / "test/bin/kanidm-ldapd", BUILD / "test/bin/kanidmd", BUILD / "test/lib/rlm_kanidm.so",
], ids=lambda p: p.name)
def test_the_variant_under_test_has_one(path):
    assert b"KANIDM_TEST_CLOCK" in path.read_bytes()


@pytest.mark.parametrize("path", [*PROGRAMS, MODULE], ids=lambda p: p.name)
def test_is_hardened(path):
    headers = output("readelf", "-lWd", path)
    assert "GNU_RELRO" in headers
    assert "BIND_NOW" in headers or "NOW" in headers
    stack = next(line for line in headers.splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack
    if path != MODULE:
        assert "DYN" in output("readelf", "-h", path), "position independent"


def test_the_module_exports_one_symbol():
    symbols = output("nm", "-D", "--defined-only", MODULE).split()
    assert symbols[2::3] == ["rlm_kanidm"]


def test_kanidm_cannot_open_the_database():
    """The client has no privilege of its own: it does not even link LMDB."""
    assert "lmdb" not in output("readelf", "-dW", BUILD / "bin" / "kanidm")


def test_install_puts_everything_below_destdir(tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "BUILD")}
    subprocess.run(["make", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr/local"], cwd=TOP, env=env,
                   check=True, capture_output=True)
    prefix = tmp_path / "usr/local"
    for name in ("bin/kanidm", "sbin/kanidmd", "sbin/kanidm-ldapd", "lib/freeradius/rlm_kanidm.so",
                 "share/kanidm/server.toml", "share/kanidm/freeradius/radiusd.conf",
                 "share/man/man1/kanidm.1", "share/man/man5/server.toml.5"):
        assert (prefix / name).is_file(), name
    assert output(prefix / "bin/kanidm", "version")
