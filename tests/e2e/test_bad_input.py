"""What goes wrong outside gives a clear error, and loses nothing (SPEC 8.7, 11.1, 11.2)."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import ldap
import pexpect
import pytest

from instance import AS_ROOT, Instance, tls, wait_for

# --- binds


REFUSED = {
    "unknown name": ("no-such-person", "some password of good length"),
    "unknown DN": ("uid=no-such-person,ou=people,{suffix}", "some password of good length"),
    "wrong password": ("uid=berta,ou=people,{suffix}", "some password of good length"),
    "outside its window": ("uid=late,ou=people,{suffix}", None),
    "no credential": ("uid=bare,ou=people,{suffix}", "some password of good length"),
    "not a DN": ("=,=", "some password of good length"),
    "a foreign suffix": ("uid=berta,dc=elsewhere", "some password of good length"),
    "a group": ("cn=idm_admins,ou=groups,{suffix}", "some password of good length"),
    "token that never was": ("", "kt_" + "A" * 54),
    "token cut short": ("", "kt_AAAA"),
}


@pytest.fixture(scope="module")
def people(instance):
    instance.create_person("berta", radius=False)
    instance.create_person("late", radius=False)
    instance.validity("late", expire=0)
    instance.ok("account", "create", "bare", "Bare", name="idm_admin")


@pytest.mark.parametrize("name,password", REFUSED.values(), ids=REFUSED.keys())
def test_every_refused_bind_looks_alike(instance, people, name, password):
    if password is None:
        password = instance.passwords["late"]
    with pytest.raises(ldap.INVALID_CREDENTIALS) as refused:
        instance.connect(name.format(suffix=instance.suffix), password)
    assert refused.value.args[0]["result"] == 49
    assert not refused.value.args[0].get("info")
    assert not refused.value.args[0].get("matched")


def test_a_refused_bind_leaves_the_connection_anonymous(instance, people):
    assert instance.binds_again("berta")
    connection = instance.connect("berta")
    assert connection.whoami_s() == "u:berta@idm.example.com"
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        connection.simple_bind_s("berta", "some password of good length")
    assert connection.whoami_s() in ("", "u:anonymous@idm.example.com")
    connection.unbind_s()


def test_a_name_without_a_password_is_no_bind(instance, people):
    """RFC 4513 section 5.1.2: an application that forgot to ask must not let everybody in."""
    with pytest.raises(ldap.UNWILLING_TO_PERFORM):
        instance.connect(instance.dn("berta"), "")


def test_the_log_says_why_and_names_no_password(instance, people):
    wrong = "a very wrong password 77"
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        instance.connect("berta", wrong)
    wait_for(lambda: "berta" in instance.ldapd_log(), "the refusal is logged")
    assert wrong not in instance.ldapd_log()
    for secret in instance.passwords.values():
        assert secret not in instance.ldapd_log()


# --- bytes


def ber(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x84]) + n.to_bytes(4, "big")
    return bytes([tag]) + length + content


def message(number, operation):
    return ber(0x30, ber(0x02, bytes([number])) + operation)


BIND = message(1, ber(0x60, ber(2, b"\x03") + ber(4, b"") + ber(0x80, b"")))
DEEP = b""
for _ in range(2000):
    DEEP = ber(0xA2, DEEP)
SEARCH_DEEP = message(2, ber(0x63, ber(4, b"") + ber(10, b"\x02") + ber(10, b"\x00") + ber(2, b"\x00")
                             + ber(2, b"\x00") + ber(1, b"\x00") + DEEP + ber(0x30, b"")))

ERROR = re.compile(rb"\x0a\x01[^\x00]")  # a resultCode that is not success

MALFORMED = {
    "noise": b"\xff" * 64,
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an empty message": b"\x30\x00",
    "a message without an operation": ber(0x30, ber(2, b"\x01")),
    "a negative messageID": ber(0x30, ber(2, b"\xff") + ber(0x60, b"")),
    "an indefinite length": b"\x30\x80\x02\x01\x01\x00\x00",
    "an integer not in its shortest form": ber(0x30, b"\x02\x02\x00\x01" + BIND[5:]),
    "an unknown operation": message(1, ber(0x7E, b"")),
    "LDAPv2": message(1, ber(0x60, ber(2, b"\x02") + ber(4, b"") + ber(0x80, b""))),
    "a length that reaches beyond its parent": ber(0x30, b"\x02\x01\x01\x60\x7f\x02\x01\x03"),
    "a length of 4 GiB": b"\x30\x84\xff\xff\xff\xff",
    "a length of 17 octets": b"\x30\x91" + b"\x01" * 17,
    "a message of 256 MiB": b"\x30\x84\x10\x00\x00\x00" + b"\x02\x01\x01",
    "a filter 2000 levels deep": SEARCH_DEEP,
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_input_costs_its_sender_the_connection_and_nobody_else(instance, data):
    bystander = instance.connect("idm_admin")
    pids = worker_pids(instance)
    with tls(instance) as s:
        s.sendall(data)
        received = b""
        try:
            # Until it is closed, or, where the message can be decoded, refused.
            while not ERROR.search(received) and (part := s.recv(4096)):
                received += part
        except (ConnectionResetError, ssl.SSLError):
            pass
    assert not received or ERROR.search(received), received
    assert bystander.whoami_s() == "u:idm_admin@idm.example.com"
    bystander.unbind_s()
    assert worker_pids(instance) == pids, "no process died of it"


@pytest.mark.parametrize("length", [1, 2, 5, len(BIND) - 1])
def test_a_truncated_stream_is_given_up(instance, length):
    bystander = instance.connect("idm_admin")
    pids = worker_pids(instance)
    s = tls(instance)
    s.sendall(BIND[:length])
    s.close()
    assert bystander.whoami_s() == "u:idm_admin@idm.example.com"
    bystander.unbind_s()
    assert worker_pids(instance) == pids


def test_no_tls_is_no_service(instance):
    with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as s:
        s.sendall(BIND)
        try:
            answer = s.recv(4096)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer[0] == 0x15, "nothing, or a TLS alert"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(instance, version):
    context = ssl.create_default_context(cafile=instance.dir / "ca.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as raw:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(raw, server_hostname="localhost")


def test_bytes_over_the_local_socket_are_no_more_trusted(instance):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(instance.dir / "ldapi"))
        s.sendall(b"\xff" * 64)
        received = b""
        while part := s.recv(4096):
            received += part
    assert instance.kanidm("self", "whoami", name="idm_admin").returncode == 0


def worker_pids(instance):
    """All processes of kanidm-ldapd."""
    found = subprocess.run(["ps", "-o", "pid=", "-s", str(instance.ldapd.pid)], text=True,
                           capture_output=True).stdout.split()
    assert len(found) >= 3, "a supervisor, a core process, a worker"
    return found


# --- processes


def test_a_killed_worker_is_replaced(instance):
    before = worker_pids(instance)
    victim = int(before[-1])
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: str(victim) not in worker_pids(instance) and len(worker_pids(instance)) ==
             len(before), "the worker is replaced")
    wait_for(lambda: instance.ldapwhoami(name="idm_admin").returncode == 0, "it serves again")


def test_what_was_acknowledged_survives_kill_9(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    for n in range(5):
        instance.ok("group", "create", f"kept{n}", name="idm_admin")
        for pid in worker_pids(instance):
            os.kill(int(pid), signal.SIGKILL)
        instance.ldapd.process.wait()
        leader = str(instance.ldapd.pid)
        wait_for(lambda: subprocess.run(["ps", "-s", leader], capture_output=True).returncode,
                 "all are gone, and with them the port")
        instance.ldapd = None
        instance.start_ldapd()
        for m in range(n + 1):
            assert f"kept{m}" in instance.ok("group", "get", f"kept{m}", name="idm_admin")


# --- the configuration


@pytest.fixture(scope="module")
def stopped(built):
    made = Instance()
    made.recover("admin")
    yield made
    made.close()


def set_line(path, key, line):
    lines = path.read_text().splitlines()
    number = next((n for n, text in enumerate(lines) if re.match(rf"{key}\s*=", text)), None)
    if number is None:
        number = next((n for n, text in enumerate(lines) if text.startswith("[")), len(lines))
        lines.insert(number, line)
    else:
        lines[number] = line
    path.write_text("\n".join(lines) + "\n")
    return number + 1


@contextlib.contextmanager
def changed(instance, key, line):
    """server.toml with this line, whose number it gives; then as it was."""
    good = instance.server_toml.read_text()
    try:
        yield set_line(instance.server_toml, key, line)
    finally:
        instance.server_toml.write_text(good)


BAD_LINES = {
    "an unknown key": ("colour", 'colour = "blue"'),
    "a number that is none": ("workers", "workers = many"),
    "a number out of range": ("workers", "workers = 1000000"),
    "a string without its end": ("log_level", 'log_level = "info'),
    "a string without quotes": ("log_level", "log_level = info"),
    "a level that is none": ("log_level", 'log_level = "loud"'),
    "a domain that is none": ("domain", 'domain = "not a domain"'),
    "an address that is none": ("ldapbindaddress", 'ldapbindaddress = "localhost"'),
    "a port that is none": ("ldapbindaddress", 'ldapbindaddress = "127.0.0.1:99999"'),
}


@pytest.mark.parametrize("key,line", BAD_LINES.values(), ids=BAD_LINES.keys())
@pytest.mark.parametrize("program", ["kanidmd", "kanidm-ldapd"])
def test_a_bad_line_is_named_and_nothing_starts(stopped, program, key, line):
    argv = ["configtest"] if program == "kanidmd" else []
    with changed(stopped, key, line) as number:
        done = stopped.run(stopped.programs / program, *argv, "-c", stopped.server_toml, timeout=20)
    assert done.returncode == 1
    assert f"server.toml:{number}:" in done.stderr, done.stderr
    assert key in done.stderr


@pytest.mark.parametrize("key", ["tls_chain", "tls_key"])
@pytest.mark.parametrize("what", ["missing", "nonsense", "of another key"])
def test_a_bad_certificate_is_named_and_nothing_starts(stopped, key, what):
    path = stopped.dir / f"other-{key}.pem"
    path.unlink(missing_ok=True)
    if what == "nonsense":
        path.write_text("no PEM\n")
    elif what == "of another key":
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-out",
                        path if key == "tls_chain" else "/dev/null", "-keyout",
                        path if key == "tls_key" else "/dev/null"], check=True, capture_output=True)
    if path.exists():
        path.chmod(0o644)
    with changed(stopped, key, f'{key} = "{path}"'):
        done = stopped.run(stopped.programs / "kanidm-ldapd", "-c", stopped.server_toml, timeout=20)
    assert done.returncode == 1
    assert path.name in done.stderr, done.stderr


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(stopped):
    path = stopped.dir / "locked.pem"
    subprocess.run(["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in",
                    stopped.dir / "tls" / "key.pem", "-out", path], check=True, capture_output=True)
    path.chmod(0o644)
    with changed(stopped, "tls_key", f'tls_key = "{path}"'):
        child = pexpect.spawn(str(stopped.programs / "kanidm-ldapd"),
                              ["-c", str(stopped.server_toml)], env=stopped.env, timeout=20,
                              encoding="utf-8")
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 1
    assert path.name in child.before and "passphrase" in child.before
    assert "Enter" not in child.before


def test_a_missing_configuration_is_named(stopped):
    for program, *argv in (["kanidm-ldapd"], ["kanidmd", "configtest"]):
        done = stopped.run(stopped.programs / program, *argv, "-c", "/nonexistent/server.toml",
                           timeout=20)
        assert done.returncode == 1
        assert "/nonexistent/server.toml" in done.stderr


@pytest.mark.parametrize("key,value,named", [
    ("domain", "other.example.net", "idm.example.com"),
    ("db_path", "/nonexistent/db", "/nonexistent/db"),
    ("key_path", "/nonexistent/keys", "/nonexistent/keys"),
    ("tls_chain", "/nonexistent/chain.pem", "/nonexistent/chain.pem"),
    pytest.param("core_user", "no-such-user", "no-such-user",
                 marks=pytest.mark.skipif(not AS_ROOT, reason="who is not root needs no user")),
    pytest.param("read_group", "no-such-group", "no-such-group",
                 marks=pytest.mark.skipif(not AS_ROOT, reason="who is not root needs no group")),
])
def test_configtest_refuses_what_a_start_would(stopped, key, value, named):
    with changed(stopped, key, f'{key} = "{value}"'):
        checked = stopped.kanidmd("configtest")
        started = stopped.run(stopped.programs / "kanidm-ldapd", "-c", stopped.server_toml,
                              timeout=20)
    for done in checked, started:
        assert done.returncode == 1
        assert named in done.stderr, done.stderr


def test_configtest_refuses_a_key_file_that_others_may_read(stopped):
    path = stopped.dir / "keys/radius.keys"
    mode = path.stat().st_mode & 0o777
    path.chmod(0o644)
    try:
        done = stopped.kanidmd("configtest")
    finally:
        path.chmod(mode)
    assert done.returncode == 1
    assert "radius.keys" in done.stderr


def test_configtest_takes_a_good_configuration(stopped):
    done = stopped.kanidmd("configtest")
    assert done.returncode == 0, done.stderr


def test_another_domain_than_the_stored_one_refuses_to_start(stopped):
    with changed(stopped, "domain", 'domain = "other.example.net"'):
        done = stopped.run(stopped.programs / "kanidm-ldapd", "-c", stopped.server_toml, timeout=20)
    assert done.returncode == 1
    assert "domain rename" in done.stderr


# --- the database


def test_recovery_is_refused_while_the_server_runs(fresh):
    instance = fresh()
    instance.recover("admin")
    instance.start_ldapd()
    done = instance.kanidmd("recover_account", "admin")
    assert done.returncode == 1
    assert "running" in done.stderr
    assert instance.can_bind("admin", instance.passwords["admin"]), "nothing was changed"


def test_a_second_server_on_the_same_database_is_refused(fresh):
    instance = fresh()
    instance.recover("admin")
    instance.start_ldapd()
    other = instance.dir / "other.toml"
    shutil.copy(instance.server_toml, other)
    set_line(other, "ldapbindaddress", 'ldapbindaddress = "127.0.0.1:1"')
    set_line(other, "ldapi_path", f'ldapi_path = "{instance.dir}/other-ldapi"')
    done = instance.run(instance.programs / "kanidm-ldapd", "-c", other, timeout=20)
    assert done.returncode == 1
    assert "running" in done.stderr, done.stderr
    assert instance.can_bind("admin", instance.passwords["admin"])


def test_recovery_names_an_unknown_account_and_refuses_anonymous(stopped):
    for name in "no_such_account", "anonymous":
        done = stopped.kanidmd("recover_account", name)
        assert done.returncode == 1
        assert name in done.stderr
        assert done.stdout == ""


def test_a_password_that_could_not_be_shown_is_a_failure(stopped):
    for options in [], ["-o", "json"]:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [stopped.programs / "kanidmd", "recover_account", "admin", *options, "-c",
                 stopped.server_toml],
                env=stopped.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1
        assert "repeat" in done.stderr


def test_no_file_of_the_database_is_for_others(stopped):
    for path in (stopped.dir / "db").iterdir():
        assert path.stat().st_mode & 0o007 == 0, path
    if AS_ROOT:
        for path in (stopped.dir / "db").iterdir():
            assert path.owner() == "kanidm-core", path
        assert (stopped.dir / "db/identity.mdb").group() == "kanidm-read"
        assert (stopped.dir / "db/identity.mdb").stat().st_mode & 0o777 == 0o640
        assert (stopped.dir / "keys/radius.keys").group() == "freerad"
        assert (stopped.dir / "keys/password.keys").stat().st_mode & 0o777 == 0o600


def test_a_damaged_database_is_an_error_and_no_crash(fresh):
    instance = fresh()
    instance.recover("admin")
    path = instance.dir / "db" / "identity.mdb"
    with open(path, "r+b") as f:
        f.write(b"\0" * 8192)
    done = instance.run(instance.programs / "kanidm-ldapd", "-c", instance.server_toml, timeout=20)
    assert done.returncode == 1
    assert "identity.mdb" in done.stderr
    done = instance.kanidmd("recover_account", "admin")
    assert done.returncode == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    if not AS_ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs",
                                      tmp_path], capture_output=True).returncode != 0:
        pytest.skip("no right to mount")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_full_disk_refuses_writes_and_loses_nothing(fresh, small_disk):
    # The database moves onto the small disk; the directory above stays, for its modes.
    instance = fresh()
    db = instance.dir / "db"
    subprocess.run(["mount", "--bind", small_disk, db], check=True)
    try:
        shutil.chown(db, "kanidm-core", "kanidm-read")
        db.chmod(0o2750)
        instance.recover("idm_admin")
        instance.start_ldapd()
        instance.login("idm_admin")
        instance.ok("group", "create", "before", name="idm_admin")
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        made = []
        for n in range(200):
            done = instance.kanidm("group", "create", f"group{n}", name="idm_admin")
            if done.returncode != 0:
                break
            made.append(f"group{n}")
        assert done.returncode == 1, "200 groups fit into nothing"
        assert done.stderr.count("\n") == 1, done.stderr

        wait_for(lambda: instance.ldapwhoami(name="idm_admin").returncode in (0,),
                 "it answers on a full disk")
        filler.unlink()

        def again():
            return instance.kanidm("group", "create", "after", name="idm_admin").returncode == 0
        wait_for(again, "it writes again when there is room", 30)
        for name in ["before", "after", *made]:
            assert name in instance.ok("group", "get", name, name="idm_admin")
        instance.stop()
    finally:
        instance.stop()
        subprocess.run(["umount", "-l", db], check=True)
