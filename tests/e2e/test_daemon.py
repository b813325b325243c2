"""kanidm-ldapd as processes: limits, signals, deaths, privileges, and whose login ends when."""

import contextlib
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import ldap
import pytest

from instance import AS_ROOT, tls, wait_for

LONG = "correct horse battery staple 42"
BIND = bytes.fromhex("300c020101600702010304008000")
WHOAMI = b"\x30\x1e\x02\x01%c\x77\x19\x80\x171.3.6.1.4.1.4203.1.11.3"


def bind_as(instance, number, name="idm_admin"):
    """A bind by password, with this messageID."""
    password = instance.passwords[name].encode()
    name = name.encode()
    body = b"\x02\x01\x03\x04" + bytes([len(name)]) + name + b"\x80" + bytes([len(password)]) + password
    op = b"\x60" + bytes([len(body)]) + body
    return b"\x30" + bytes([3 + len(op)]) + b"\x02\x01" + bytes([number]) + op


def search_for(base, scope, attribute):
    """A search for all that is there, messageID 2; SEARCH_DONE is the end of its answer."""
    base, attribute = base.encode(), attribute.encode()
    body = (b"\x04" + bytes([len(base)]) + base + b"\x0a\x01" + bytes([scope]) +
            b"\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass" +
            b"\x30" + bytes([2 + len(attribute)]) + b"\x04" + bytes([len(attribute)]) + attribute)
    op = b"\x63" + bytes([len(body)]) + body
    return b"\x30" + bytes([3 + len(op)]) + b"\x02\x01\x02" + op


SEARCH_DONE = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00"


def read_answers(s, count):
    """Read until `count` searches have been answered whole."""
    seen, tail = 0, b""
    while seen < count:
        part = s.recv(65536)
        assert part, f"closed after {seen} answers"
        seen += (tail + part).count(SEARCH_DONE)
        tail = (tail + part)[-(len(SEARCH_DONE) - 1):]


def ldapi(instance, timeout=20):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(str(instance.dir / "ldapi"))
    return s


def read_ids(s, count):
    """The messageIDs of `count` short answers, in the order in which they came."""
    data, ids = b"", []
    while len(ids) < count:
        part = s.recv(4096)
        assert part, f"closed after {ids}"
        data += part
        while len(data) >= 2 and len(data) >= 2 + data[1]:
            ids.append(data[4])
            data = data[2 + data[1]:]
    return ids


def children(instance):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(instance.ldapd.process.pid)],
                         text=True, capture_output=True).stdout
    return [int(pid) for pid in out.split()]


def status(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def core_and_workers(instance):
    """The core process is the only one that has the lock of the database open for writing."""
    core, workers = [], []
    for pid in children(instance):
        fds = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        (core if any(fd.endswith("local.mdb") for fd in fds) else workers).append(pid)
    return core, workers


def core_pid(instance):
    return core_and_workers(instance)[0][0] if AS_ROOT else children(instance)[0]


def is_closed(s):
    """Does the server close, whatever it says before?"""
    try:
        while s.recv(4096):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    except TimeoutError:
        return False
    return True


def goes_away(connection):
    """The login ends without a request: the Notice of Disconnection closes the connection."""
    def gone():
        try:
            connection.result(ldap.RES_ANY, all=0, timeout=0.1)
        except ldap.TIMEOUT:
            return False
        except ldap.LDAPError:
            return True
        return False
    wait_for(gone, "the connection is ended", 5)
    return True


# --- bytes


def test_pipelined_requests_are_answered_in_their_order(instance):
    with tls(instance) as s:
        s.sendall(BIND + b"".join(WHOAMI % n for n in range(2, 100)))
        assert read_ids(s, 99) == list(range(1, 100))


def test_octet_by_octet_is_as_good(instance):
    with tls(instance) as s:
        for octet in BIND + WHOAMI % 2:
            s.sendall(bytes([octet]))
        assert read_ids(s, 2) == [1, 2]


def test_more_than_may_be_outstanding_is_read_later(instance):
    """Each bind waits for the core process; what comes behind it waits too, and nothing is lost."""
    with tls(instance) as s:
        s.sendall(b"".join(bind_as(instance, n) for n in range(1, 21)))
        assert read_ids(s, 20) == list(range(1, 21))


class OneSegment:
    """A client that puts several TLS records into one TCP segment."""

    def __init__(self, instance):
        self.raw = socket.create_connection(("127.0.0.1", instance.ldaps_port), 5)
        self.to, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=instance.dir / "ca.pem")
        self.ssl = context.wrap_bio(self.to, self.out, server_hostname="localhost")
        self.step(self.ssl.do_handshake)

    def step(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.raw.sendall(self.out.read())
                self.to.write(self.raw.recv(65536))
            finally:
                if self.out.pending:
                    self.raw.sendall(self.out.read())

    def send(self, *records):
        for record in records:
            self.ssl.write(record)
        self.raw.sendall(self.out.read())

    def recv(self, count):
        return self.step(lambda: self.ssl.read(count))


def test_what_tls_has_read_ahead_of_a_bind_is_served_and_so_is_what_follows(instance):
    client = OneSegment(instance)
    with client.raw:
        client.send(bind_as(instance, 1), WHOAMI % 2)
        assert read_ids(client, 2) == [1, 2]
        client.send(WHOAMI % 3)
        assert read_ids(client, 1) == [3]


def test_a_client_that_takes_nothing_holds_nobody_up(instance):
    """It asks for everything again and again, and does not read."""
    search = search_for(instance.suffix, ldap.SCOPE_SUBTREE, "*")
    with tls(instance) as deaf:
        deaf.sendall(BIND)
        deaf.settimeout(1)
        try:
            for _ in range(2000):
                deaf.sendall(search)
        except TimeoutError:
            pass
        for _ in range(8):  # on whichever worker
            other = instance.connect(timeout=5)
            assert other.search_s("", ldap.SCOPE_BASE)
            other.unbind_s()


# --- limits


def test_connections_are_limited_in_all_and_by_source(fresh):
    instance = fresh(**{"workers": 1, "limits.connections": 20, "limits.connections_per_source": 5})
    instance.start_ldapd()

    def full():
        open_ones = []
        try:
            for _ in range(6):
                s = tls(instance, 2)
                s.sendall(BIND)
                open_ones.append(s)
                if not s.recv(100):
                    return True
            return False
        except (OSError, ssl.SSLError):
            return True
        finally:
            for s in open_ones:
                s.close()
    wait_for(full, "one too many is refused", 10)
    assert "too many connections" in instance.ldapd_log()
    wait_for(lambda: instance.ldapwhoami().returncode == 0, "room again, for others", 10)


@pytest.mark.parametrize("limit,sent", [
    ("limits.handshake_s", None), ("limits.first_pdu_s", b""), ("limits.pdu_s", BIND[:5]),
    ("limits.idle_unbound_s", BIND),
])
def test_who_does_nothing_is_sent_away(fresh, limit, sent):
    instance = fresh(**{limit: 1})
    instance.start_ldapd()
    if sent is None:
        with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as raw:
            assert is_closed(raw)
        return
    with tls(instance) as s:
        s.sendall(sent)
        assert is_closed(s)


def test_who_is_bound_may_be_idle_for_longer(fresh):
    """The bind begins without a login, and its connection is judged as what it became."""
    instance = fresh(**{"workers": 1, "limits.idle_unbound_s": 1})
    instance.recover("idm_admin")
    instance.start_ldapd()
    bound = instance.connect("idm_admin")
    with tls(instance) as unbound:
        unbound.sendall(BIND)
        assert is_closed(unbound)
    assert bound.whoami_s() == "u:idm_admin@idm.example.com"


def test_a_client_that_is_slow_but_steady_gets_everything(fresh):
    """What was sent makes room: 28 MB through a socket that takes less than an output buffer."""
    instance = fresh(workers=1)
    instance.start_ldapd()
    search = search_for("cn=subschema", ldap.SCOPE_BASE, "+")
    count = 1000
    with ldapi(instance) as s:
        sender = threading.Thread(target=s.sendall, args=(search * count,))
        sender.start()
        read_answers(s, count)
        sender.join()


@pytest.mark.parametrize("connect", [tls, ldapi])
def test_pipelined_requests_with_large_answers_do_not_stand_still(instance, connect):
    """Their input waits for room again and again, and nothing on the socket tells of it."""
    count = 1500  # more than a minute, if each time that it is forgotten costs a second
    with connect(instance) as s:
        s.settimeout(20)
        sender = threading.Thread(
            target=s.sendall, args=(search_for("cn=subschema", ldap.SCOPE_BASE, "+") * count,))
        sender.start()
        begun = time.monotonic()
        read_answers(s, count)
        sender.join()
        assert time.monotonic() - begun < 30, "it waited for more than the machine"


def test_many_that_take_nothing_do_not_hang_one_that_is_slow(fresh):
    """More of them than have a turn at once."""
    instance = fresh(workers=1)
    instance.recover("idm_admin")
    instance.start_ldapd()
    admin = instance.connect("idm_admin")
    added = [admin.add(f"uid=p{n},ou=people,{instance.suffix}", [("displayname", [b"x" * 200])])
             for n in range(700)]
    for message in added:
        admin.result(message)
    search = search_for(instance.suffix, ldap.SCOPE_SUBTREE, "*")
    with contextlib.ExitStack() as stack:
        for _ in range(24):
            stack.enter_context(ldapi(instance)).sendall(search * 3)
        slow = stack.enter_context(ldapi(instance))
        slow.sendall(search * 3)
        assert admin.whoami_s() and instance.connect().search_s("", ldap.SCOPE_BASE)
        read_answers(slow, 3)


def test_connections_are_not_limited_by_what_a_shell_gives(fresh):
    instance = fresh(workers=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        instance.start_ldapd()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            s = stack.enter_context(tls(instance))
            s.sendall(BIND)
            assert read_ids(s, 1) == [1]


def test_anonymous_that_is_locked_is_told_so(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    instance.validity("anonymous", expire=instance.clock.now() - 10)
    for name in "", "anonymous":
        with pytest.raises(ldap.INVALID_CREDENTIALS):
            instance.connect().simple_bind_s(name, name)
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        instance.connect().search_s(instance.suffix, ldap.SCOPE_BASE)
    for base, attribute in ("", "namingContexts"), ("cn=subschema", "objectClasses"):
        found = instance.connect().search_s(base, ldap.SCOPE_BASE, attrlist=[attribute])
        assert found[0][1][attribute], "the RootDSE and the subschema are read by all"
    assert instance.can_bind("idm_admin")


# --- signals and deaths


def make_certificate(instance, name):
    tls_dir = instance.dir / "tls"
    subprocess.run(
        f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key "
        f"-subj /CN={name} -out new.csr && openssl x509 -req -in new.csr -CA ../ca.pem "
        f"-CAkey ca.key -CAcreateserial -days 2 -out new.pem -extfile <(echo "
        f"subjectAltName=DNS:localhost,IP:127.0.0.1)", shell=True, check=True, cwd=tls_dir,
        executable="/bin/bash", capture_output=True)
    return tls_dir / "new.pem", tls_dir / "new.key"


def subject(instance):
    with tls(instance) as s:
        return dict(pair[0] for pair in s.getpeercert()["subject"])["commonName"]


def test_sighup_takes_a_new_certificate_and_keeps_connections(fresh):
    instance = fresh()
    instance.start_ldapd()
    kept = instance.connect()
    kept.search_s("", ldap.SCOPE_BASE)
    before = subject(instance)

    chain, key = make_certificate(instance, "renewed")
    served_chain, served_key = instance.dir / "tls" / "chain.pem", instance.dir / "tls" / "key.pem"
    old_chain = served_chain.read_bytes()
    served_chain.write_bytes(b"nonsense")
    instance.ldapd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "stays as it was" in instance.ldapd_log(), "a bad certificate is refused")
    assert subject(instance) == before

    served_chain.write_bytes(chain.read_bytes())
    served_key.write_bytes(key.read_bytes())
    instance.ldapd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: all(subject(instance) == "renewed" for _ in range(6)), "the new one is served")
    assert kept.search_s("", ldap.SCOPE_BASE), "the old connection goes on"
    assert old_chain != served_chain.read_bytes()


def test_a_killed_core_process_comes_back_with_all_that_was_acknowledged(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    for n in range(3):
        instance.ok("group", "create", f"round{n}", name="idm_admin")
        os.kill(core_pid(instance), signal.SIGKILL)
        wait_for(lambda: instance.ldapwhoami(name="idm_admin").returncode == 0, "it serves again", 40)
        for m in range(n + 1):
            assert f"round{m}" in instance.ok("group", "get", f"round{m}", name="idm_admin")


def test_one_that_can_not_come_back_still_ends_when_told(fresh):
    instance = fresh()
    instance.start_ldapd()
    (instance.dir / "keys").rename(instance.dir / "gone")
    os.kill(core_pid(instance), signal.SIGKILL)
    wait_for(lambda: "the start failed" in instance.ldapd_log(), "it tries in vain", 20)
    assert instance.stop_ldapd() == 0


@pytest.mark.parametrize("to_all", [False, True], ids=["SIGTERM", "Ctrl-C, which reaches all"])
def test_the_end_is_in_order_and_leaves_no_socket(fresh, to_all):
    instance = fresh()
    instance.start_ldapd()
    pids = children(instance)
    assert len(pids) >= 2
    if to_all:
        for pid in [*pids, instance.ldapd.process.pid]:
            os.kill(pid, signal.SIGINT)
    assert instance.stop_ldapd() == 0
    assert "ended by signal" not in instance.ldapd_log(), "no child went before it was told"
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "all have ended")
    assert not (instance.dir / "ldapi").exists()


# --- time that can't be trusted


def test_a_clock_behind_the_last_trusted_time_refuses_who_has_a_window(fresh):
    instance = fresh()
    now = instance.clock.now()
    instance.clock.set(now, synchronised=True)
    instance.recover("idm_admin")
    instance.start()
    instance.login("idm_admin")
    instance.create_person("always")
    instance.create_person("until")
    instance.validity("until", expire=now + 10**6)
    for seconds, trusted in (-300, True), (-301, False), (-86400, False), (0, True):
        instance.clock.set(now + seconds)
        assert instance.can_bind("always")
        assert instance.can_bind("until") == trusted, seconds
        assert instance.radius("pap", "always").accepted
        assert instance.radius("pap", "until").accepted == trusted, seconds
    instance.clock.set(now - 86400)
    instance.restart_ldapd()
    assert "clock is behind" in instance.ldapd_log(), "the console says so"
    assert not instance.can_bind("until"), "the floor outlives the process"


# --- privileges


@pytest.mark.skipif(not AS_ROOT, reason="root alone can give the processes users of their own")
def test_each_process_has_a_user_of_its_own_and_little_else(instance):
    core, workers = core_and_workers(instance)
    assert len(core) == 1 and workers
    uid = {name: int(subprocess.run(["id", "-u", name], text=True, capture_output=True).stdout)
           for name in ("kanidm-core", "kanidm-ldap")}
    for pids, user in (core, "kanidm-core"), (workers, "kanidm-ldap"):
        for pid in pids:
            of = status(pid)
            assert {int(n) for n in of["Uid"].split()} == {uid[user]}
            assert int(of["CapEff"], 16) == int(of["CapPrm"], 16) == 0
            assert of["NoNewPrivs"] == "1"
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    for pid in workers:
        assert status(pid)["Seccomp"] in ("2", "0" if "build-san" in str(instance.programs) else "2")


@pytest.mark.skipif(not AS_ROOT, reason="root alone can become these users")
@pytest.mark.parametrize("user,file,may", [
    ("kanidm-ldap", "keys/password.keys", False), ("kanidm-ldap", "keys/radius.keys", False),
    ("kanidm-ldap", "db/local.mdb", False), ("kanidm-ldap", "db/identity.mdb", True),
    ("freerad", "keys/password.keys", False), ("freerad", "keys/radius.keys", True),
    ("freerad", "db/local.mdb", False), ("freerad", "db/identity.mdb", True),
    ("freerad", "db/identity.mdb-lock", False), ("nobody", "db/identity.mdb", False),
])
def test_who_may_read_which_file(instance, user, file, may):
    group = "freerad" if user == "freerad" else "nogroup" if user == "nobody" else user
    groups = ["--groups", "kanidm-read"] if user != "nobody" else ["--clear-groups"]
    done = subprocess.run(["setpriv", "--reuid", user, "--regid", group, *groups, "head", "-c", "1",
                           instance.dir / file], capture_output=True)
    assert (done.returncode == 0) == may, done.stderr


# --- whose login ends


@pytest.fixture
def person(instance, request):
    name = "p" + str(abs(hash(request.node.name)) % 10**9)
    instance.create_person(name, radius=False)
    return name


def test_who_is_deleted_is_disconnected(instance, person):
    connection = instance.connect(person)
    instance.ok("account", "delete", person, name="idm_admin")
    assert goes_away(connection)
    assert not instance.can_bind(person)


def test_a_reset_password_ends_the_logins_by_the_old_one(instance, person):
    old = instance.passwords[person]
    connection = instance.connect(person)
    instance.login(person)
    out = instance.ok("account", "credential", "generate-pw", person, name="idm_admin")
    instance.passwords[person] = re.search(r"Success: (\S+)", out)[1]
    assert goes_away(connection)
    assert not instance.can_bind(person, old)
    assert instance.binds_again(person)
    assert instance.kanidm("self", "whoami", name=person).returncode == 1, "its session is over too"


def test_who_changes_the_own_password_stays(instance, person):
    connection, other = instance.connect(person), instance.connect(person)
    connection.passwd_s(None, None, LONG)
    assert connection.whoami_s() == f"u:{person}@idm.example.com"
    assert goes_away(other), "but not another login by the old password"
    assert connection.whoami_s() == f"u:{person}@idm.example.com"
    assert instance.can_bind(person, LONG)


def test_a_destroyed_session_ends_its_connections(instance, person):
    instance.login(person)
    cache = (instance.dir / "home" / ".cache" / "kanidm_tokens").read_text()
    token = re.search(rf'"{person}": {{[^}}]*"token": "([^"]+)"', cache)[1]
    connection = instance.connect("dn=token", token)
    assert connection.whoami_s() == f"u:{person}@idm.example.com"
    instance.ok("logout", name=person)
    assert goes_away(connection)
    assert not instance.can_bind("dn=token", token)


def test_a_token_is_its_account_s_alone(instance, person):
    instance.login(person)
    cache = (instance.dir / "home" / ".cache" / "kanidm_tokens").read_text()
    token = re.search(rf'"{person}": {{[^}}]*"token": "([^"]+)"', cache)[1]
    assert instance.can_bind("", token)
    assert instance.can_bind(person, token)
    assert not instance.can_bind("idm_admin", token)
    assert not instance.can_bind("dn=token", token[:-1] + ("A" if token[-1] != "A" else "B"))


def test_becoming_high_privilege_ends_the_sessions(instance, person):
    instance.login("admin")
    instance.login(person)
    cache = (instance.dir / "home" / ".cache" / "kanidm_tokens").read_text()
    token = re.search(rf'"{person}": {{[^}}]*"token": "([^"]+)"', cache)[1]
    by_session = instance.connect("dn=token", token)
    assert by_session.whoami_s() == f"u:{person}@idm.example.com"
    instance.ok("group", "add_members", "idm_service_desk", person, "--yes", name="admin")
    assert goes_away(by_session), "it would go on reading, idle or not"
    assert instance.kanidm("self", "whoami", name=person).returncode == 1


def test_no_secret_reaches_a_log(instance):
    logs = "".join(path.read_text(errors="replace")
                   for path in (instance.dir / "log").iterdir() if path.is_file())
    cache = (instance.dir / "home" / ".cache" / "kanidm_tokens").read_text()
    for secret in [LONG, *instance.passwords.values(), *re.findall(r'"token": "([^"]+)"', cache)]:
        assert secret not in logs
