"""Metrics: Prometheus' text over HTTP, and cn=monitor over LDAP."""

import os
import re
import signal
import socket
import urllib.error
import urllib.request

import ldap
import pytest

from instance import Instance, free_port, tls, wait_for
from test_daemon import children
from test_scheduled_backup import next_backup, prepare


@pytest.fixture(scope="module")
def instance(built):
    port = free_port(socket.SOCK_STREAM)
    made = Instance(metrics_address=f"127.0.0.1:{port}", workers=2)
    made.metrics_port = port
    try:
        made.recover("admin", "idm_admin")
        made.start_ldapd()
        made.login("idm_admin")
        yield made
    finally:
        made.close()


def get(instance, path="/metrics", **options):
    request = urllib.request.Request(f"http://127.0.0.1:{instance.metrics_port}{path}", **options)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def samples(instance):
    """Name with labels -> value; every line must be one that Prometheus takes."""
    found, kinds = {}, {}
    for line in get(instance).splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(
                r'((kanidm_[a-z_]+)(\{([a-z]+="[^"\\]*",?)+\})?) ([0-9]+(\.[0-9]+)?)', line)
            assert match, line
            family = re.sub(r"_(bucket|sum|count)$", "", match[2])
            assert match[2] in kinds or kinds.get(family) == "histogram"
            assert match[1] not in found
            found[match[1]] = float(match[5])
    return found


def wait_for_growth(instance, name, before, by=1):
    return wait_for(lambda: samples(instance)[name] >= before.get(name, 0) + by, f"{name} grows")


def test_what_clients_do_is_counted_over_all_workers(instance):
    before = samples(instance)
    for _ in range(8):
        connection = instance.connect("idm_admin")
        connection.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=idm_admin)")
        connection.unbind_s()
    assert not instance.can_bind("idm_admin", "a password of nobody")
    assert not instance.can_bind("nobody", "a password of nobody")
    wait_for_growth(
        instance, 'kanidm_ldap_operations_total{operation="search",result="success"}', before, 8)
    wait_for_growth(
        instance, 'kanidm_ldap_operations_total{operation="bind",result="denied"}', before, 2)
    wait_for_growth(
        instance, 'kanidm_ldap_connections_total{transport="ldaps"}', before, 10)
    after = samples(instance)
    for reason, more in (("password", 8), ("wrong_password", 1), ("no_account", 1)):
        name = f'kanidm_binds_total{{reason="{reason}"}}'
        assert after[name] == before[name] + more
    assert after["kanidm_ldap_received_bytes_total"] > before["kanidm_ldap_received_bytes_total"]
    assert after["kanidm_workers"] == 2


def test_a_change_moves_what_it_should(instance):
    before = samples(instance)
    instance.ok("group", "create", "counted", name="idm_admin")
    after = samples(instance)
    assert after["kanidm_change_number"] == before["kanidm_change_number"] + 1
    name = 'kanidm_database_commits_total{file="identity.mdb"}'
    assert after[name] == before[name] + 1


def test_a_handshake_that_fails_is_counted(instance):
    before = samples(instance)
    with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as s:
        s.sendall(b"no TLS at all, and enough of it to be seen as that\n" * 4)
        s.recv(4096)
    wait_for_growth(instance, "kanidm_tls_handshakes_failed_total", before)


def test_connections_are_told_while_they_are_open(instance):
    before = samples(instance)
    name = 'kanidm_ldap_connections{transport="ldaps"}'
    with tls(instance):
        wait_for_growth(instance, name, before)
    wait_for(lambda: samples(instance)[name] == before[name], "the connection is gone")


def test_a_worker_that_dies_leaves_its_counts(instance):
    before = samples(instance)
    name = 'kanidm_ldap_connections_total{transport="ldaps"}'
    os.kill(children(instance)[-1], signal.SIGKILL)  # the core process was started first
    wait_for_growth(instance, "kanidm_workers_started_total", before)
    wait_for(lambda: samples(instance)["kanidm_workers"] == 2, "two workers again")
    assert samples(instance)[name] >= before[name]


def test_nothing_else_is_served(instance):
    for path, options, code in (("/", {}, 404), ("/metrics/x", {}, 404),
                                ("/metrics", {"method": "POST", "data": b"x"}, 405),
                                ("/metrics", {"method": "DELETE"}, 405)):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(instance, path, **options)
        assert refusal.value.code == code


def test_who_holds_all_places_keeps_nobody_out_for_long(instance):
    held = [socket.create_connection(("127.0.0.1", instance.metrics_port), 10) for _ in range(12)]
    try:
        assert samples(instance)["kanidm_workers"] == 2
    finally:
        for s in held:
            s.close()


def test_an_address_off_loopback_starts_nothing(instance, fresh):
    other = fresh(metrics_address="0.0.0.0:9637")
    done = other.kanidmd("configtest")
    assert done.returncode == 1
    assert re.search(r'server\.toml:\d+: metrics_address: "0\.0\.0\.0:9637" is not on loopback; '
                     r'write "127\.0\.0\.1:9637"', done.stderr)


def test_an_address_that_is_taken_starts_nothing(instance, fresh):
    other = fresh(metrics_address=f"127.0.0.1:{instance.metrics_port}")
    process = other.start_ldapd(wait=False)
    wait_for(lambda: not process.running(), "it ends")
    assert "metrics_address" in other.ldapd_log()
    assert "another program does" in other.ldapd_log()


def test_backups_by_schedule_are_told(fresh):
    port = free_port(socket.SOCK_STREAM)
    other = fresh(metrics_address=f"127.0.0.1:{port}")
    other.metrics_port = port
    directory = prepare(other)
    assert samples(other)["kanidm_last_backup_seconds"] == 0
    next_backup(other, directory)
    wait_for_growth(other, 'kanidm_backups_total{result="made"}', {})
    assert samples(other)["kanidm_last_backup_seconds"] == other.clock.now()
    directory.rename(other.dir / "elsewhere")
    other.clock.shift(60)
    wait_for_growth(other, 'kanidm_backups_total{result="failed"}', {})


# --- cn=monitor

def ldapsearch(instance, *args, name=None):
    argv = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", instance.ldapi]
    if name is not None:
        argv += ["-D", name, "-w", instance.passwords[name]]
    return instance.run(*argv, *args)


def test_ldapsearch_reads_cn_monitor(instance):
    done = ldapsearch(instance, "-b", "cn=search,cn=operations,cn=monitor", name="admin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dn: cn=search,cn=operations,cn=monitor\n")
    assert re.search(r"^monitorOpCompleted: \d+$", done.stdout, re.M)
    assert re.search(r"^monitoredInfo: success \d+$", done.stdout, re.M)
    one = ldapsearch(instance, "-b", "cn=monitor", "-s", "one", "1.1", name="admin").stdout
    whole = ldapsearch(instance, "-b", "cn=monitor", "1.1", name="admin").stdout
    paged = ldapsearch(instance, "-b", "cn=monitor", "-E", "pr=10/noprompt", "1.1", name="admin")
    assert "dn: cn=operations,cn=monitor\n" in one
    assert "dn: cn=search,cn=operations,cn=monitor\n" not in one
    assert re.findall("^dn: .*", paged.stdout, re.M) == re.findall("^dn: .*", whole, re.M)


def test_the_rootdse_names_it_to_an_administrator_alone(instance):
    asked = ("-b", "", "-s", "base", "monitorContext")
    assert "monitorContext: cn=monitor" in ldapsearch(instance, *asked, name="admin").stdout
    for name in (None, "idm_admin"):
        assert "monitorContext" not in ldapsearch(instance, *asked, name=name).stdout


def test_for_others_it_is_not_there(instance):
    for name in (None, "idm_admin"):
        done = ldapsearch(instance, "-b", "cn=monitor", name=name)
        assert done.returncode == 32
        assert done.stdout == ""


def test_a_profile_lets_a_group_of_one_s_own_read_it(instance):
    instance.login("admin")
    instance.ok("service-account", "create", "prometheus", "Prometheus", name="idm_admin")
    out = instance.ok(
        "service-account", "credential", "generate-pw", "prometheus", name="idm_admin")
    instance.passwords["prometheus"] = re.search(r"Success: (\S+)", out)[1]
    instance.ok("group", "create", "monitors", name="idm_admin")
    instance.ok("group", "add_members", "monitors", "prometheus", name="idm_admin")
    assert ldapsearch(instance, "-b", "cn=monitor", name="prometheus").returncode == 32
    instance.ok("system", "access", "create", "monitoring", "receiver=monitors",
                "target=(class=domain_info)", "search=domain_uuid", name="admin")
    done = ldapsearch(instance, "-b", "cn=current,cn=workers,cn=monitor", name="prometheus")
    assert "monitorCounter: 2\n" in done.stdout
