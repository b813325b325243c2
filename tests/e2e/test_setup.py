"""config/setup.sh and config/deps.sh: what `make run` and `make test` stand on."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from instance import AS_ROOT, TOP

SETUP = TOP / "config" / "setup.sh"


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "rlm_kanidm.so"
    path.write_bytes(b"\x7fELF")
    return path


def set_up(directory, module, **env):
    done = subprocess.run([SETUP, directory], text=True, capture_output=True,
                          env=dict(os.environ, MODULE=str(module), **env))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def directory(module):
    made = Path("/tmp") / f"kanidm-e2e-setup-{os.getpid()}"
    yield set_up(made, module)
    shutil.rmtree(made)


def test_secrets_are_for_their_owner_alone(directory):
    for name in ("server.toml", "ca.pem", "radius.secret", "tls/ca.key"):
        assert mode(directory / name) == 0o600, name
    assert mode(directory / "tls" / "key.pem") == 0o640
    assert mode(directory / "db") == 0o2750
    assert mode(directory) == 0o755
    for path in directory.rglob("*"):
        assert mode(path) & 0o022 == 0, f"{path} may be written by others"


@pytest.mark.skipif(not AS_ROOT, reason="only root makes users")
def test_each_process_can_read_its_own_key_and_no_other(directory):
    def can_read(user, groups, path):
        return subprocess.run(
            ["setpriv", "--reuid", user, "--regid", user, "--groups", groups, "cat", path],
            capture_output=True).returncode == 0
    assert can_read("kanidm-ldap", "kanidm-read", directory / "tls/key.pem")
    assert not can_read("freerad", "kanidm-read", directory / "tls/key.pem")
    assert can_read("freerad", "kanidm-read", directory / "freeradius/key.pem")
    assert not can_read("kanidm-ldap", "kanidm-read", directory / "freeradius/local.conf")
    assert not can_read("kanidm-core", "kanidm-core", directory / "tls/key.pem")


def test_the_certificate_is_good_for_the_domain_and_for_localhost(directory):
    for name in ("-verify_hostname", "idm.example.com"), ("-verify_hostname", "localhost"), \
            ("-verify_ip", "127.0.0.1"):
        done = subprocess.run(["openssl", "verify", "-purpose", "sslserver", *name, "-CAfile",
                               directory / "ca.pem", directory / "tls/chain.pem"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    text = subprocess.run(["openssl", "x509", "-noout", "-text", "-in", directory / "tls/chain.pem"],
                          capture_output=True, text=True).stdout
    assert "prime256v1" in text


def test_again_it_keeps_what_is_there_but_takes_new_ports(directory, module):
    keep = ["ca.pem", "tls/ca.key", "tls/key.pem", "tls/chain.pem", "radius.secret"]
    before = {name: (directory / name).read_bytes() for name in keep}
    toml = directory / "server.toml"
    toml.write_text(toml.read_text().replace('log_level = "info"', 'log_level = "debug"'))

    assert set_up(directory, module, LDAPS_PORT="4636", RADIUS_PORT="4812") == directory

    assert {name: (directory / name).read_bytes() for name in keep} == before
    assert 'log_level = "debug"' in toml.read_text()
    assert 'ldapbindaddress = "127.0.0.1:4636"' in toml.read_text()
    assert "radius_port = 4812" in (directory / "freeradius/local.conf").read_text()
    assert mode(toml) == 0o600


def test_another_domain_gets_another_certificate(directory, module):
    before = (directory / "tls/chain.pem").read_bytes()
    set_up(directory, module, DOMAIN="id.example.net")
    assert (directory / "tls/chain.pem").read_bytes() != before
    assert 'domain = "id.example.net"' in (directory / "server.toml").read_text()


@pytest.mark.skipif(not AS_ROOT, reason="an unprivileged instance needs nobody else")
def test_below_a_closed_directory_the_data_goes_where_others_can_reach_it(tmp_path, module):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    real = set_up(closed / "run", module)
    try:
        assert str(real).startswith("/var/lib/kanidm-run/")
        assert (closed / "run").is_symlink()
        assert (closed / "run" / "server.toml").exists()
        assert f'"{real}/db"' in (real / "server.toml").read_text()
        assert set_up(closed / "run", module) == real
    finally:
        shutil.rmtree(real)


def test_a_path_too_long_for_a_socket_is_refused_with_the_remedy(module):
    directory = "/tmp/" + "x" * 120
    try:
        done = subprocess.run([SETUP, directory], text=True, capture_output=True,
                              env=dict(os.environ, MODULE=str(module)))
        assert done.returncode == 1
        assert "set RUN_DIR to a shorter one" in done.stderr
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_deps_needs_no_network_when_nothing_is_missing(tmp_path):
    """What `make test` wants is here; apt-get in the path fails when it is called."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho called >&2\nexit 100\n")
    apt.chmod(0o755)
    done = subprocess.run([TOP / "config" / "deps.sh", "build", "run", "test"], text=True, capture_output=True,
                          env=dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
