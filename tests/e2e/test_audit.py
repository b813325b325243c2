"""The audit trail as an auditor reads it (SPEC 11.3): each login, change and attempt is in it, with
who, what, from where and why not; nothing is lost when the server is killed, and no secret is there."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import ldap
import pytest

from instance import wait_for

BUILTIN = "00000000-0000-0000-0000-000000000099"


def records(instance, *args, by="admin"):
    """What `kanidm audit list` finds, the oldest first."""
    out = instance.ok("audit", "list", "-o", "json", *args, name=by)
    return json.loads(out)[::-1]


def last_serial(instance):
    return records(instance, "--limit", "1")[-1]["serial"]


def found(instance, since, **wanted):
    """A record behind the serial number `since`, as soon as it is there."""
    def look():
        for record in records(instance, "--limit", "400"):
            if record["serial"] > since and all(record[k] == v for k, v in wanted.items()):
                return record
        return None
    return wait_for(look, f"the trail has {wanted}")


def spn(name):
    return f"{name}@idm.example.com"


@pytest.fixture(scope="module")
def people(instance):
    instance.login("admin")
    for name in ("anna", "ben", "desk", "grouper", "poser", "victim", "keeper", "auditor"):
        instance.create_person(name, radius=name == "anna")
    for group, member in (("idm_service_desk", "desk"), ("idm_group_manage_priv", "grouper"),
                          ("idm_group_unix_extend_priv", "poser"), ("system_admins", "victim"),
                          ("idm_recycle_bin_admins", "keeper"),
                          ("idm_audit_read_priv", "auditor")):
        instance.ok("group", "add_members", group, member, "--yes", name="admin")
    for name in ("anna", "desk", "auditor", "keeper"):
        instance.login(name)


@pytest.fixture
def since(instance, people):
    """The trail up to here is not this test's."""
    def settled():
        before = last_serial(instance)
        return before == last_serial(instance) and before
    return wait_for(settled, "the trail is settled")


class Attempts:
    """LDAP clients that try what they may not, and what the trail has to say of each."""

    def __init__(self, instance, since):
        self.instance, self.since, self.made = instance, since, 0

    def dn(self, name, kind="person"):
        entry = json.loads(self.instance.ok(kind, "get", name, "-o", "json", name="admin"))
        return entry["dn"]

    def refused(self, who, operation, target, attributes, reason, attempt):
        connection = self.instance.connect(who)
        with pytest.raises(ldap.LDAPError) as refusal:
            attempt(connection)
        connection.unbind_s()
        shown = refusal.value.args[0].get("info", "")
        record = self.record(who, operation, target, attributes)
        assert record["outcome"] != "ok" and record["change"] is None
        assert reason in record["reason"], record["reason"]
        # The client is told the same, unless it may not see the entry.
        assert shown in (record["reason"], "no matching entries"), (shown, record["reason"])
        return record

    def record(self, who, operation, target, attributes):
        record = found(self.instance, self.since, actor_name=spn(who), operation=operation,
                       target_name=target, attributes=attributes)
        assert record["source"] in ("127.0.0.1", "ldapi")
        assert record["protocol"] == ("ldapi" if record["source"] == "ldapi" else "ldap")
        self.since = record["serial"]
        self.made += 1
        return record


def modify(dn, *changes):
    ops = {"+": ldap.MOD_ADD, "-": ldap.MOD_DELETE, "=": ldap.MOD_REPLACE}
    mods = [(ops[attr[0]], attr[1:], None if value is None else value.encode())
            for attr, value in changes]
    return lambda connection: connection.modify_s(dn, mods)


def set_password(dn):
    return lambda connection: connection.passwd_s(dn, None, "a fairly good pass phrase 71")


def test_each_attempt_to_get_more_leaves_its_line(instance, people, since):
    """The list of attempts of high privilege (SPEC 4, 5.5), by real clients."""
    a = Attempts(instance, since)
    group_dn = lambda name: f"cn={name},ou=groups,{instance.suffix}"
    for name in ("mine", "outer", "middle", "inner"):
        instance.ok("group", "create", name, name="idm_admin")
    instance.ok("group", "create", "ours", name="idm_admin")
    connection = instance.connect("idm_admin")
    connection.modify_s(group_dn("ours"), [(ldap.MOD_REPLACE, "entry_managed_by", b"ben")])
    connection.unbind_s()

    # the service desk resets an administrator
    a.refused("desk", "modify", spn("victim"), ["primary_credential"],
              "idm_hp_account_write_priv", set_password(a.dn("victim")))
    # or who may write POSIX data of groups
    a.refused("desk", "modify", spn("poser"), ["primary_credential"],
              "idm_hp_account_write_priv", set_password(a.dn("poser")))

    # idm_admin puts a group of its own into an HP group
    a.refused("idm_admin", "modify", spn("system_admins"), ["member"], "idm_hp_group_write_priv",
              modify(group_dn("system_admins"), ("+member", group_dn("mine"))))

    # nesting through three groups
    instance.ok("group", "add_members", "outer", "middle", name="idm_admin")
    instance.ok("group", "add_members", "middle", "inner", name="idm_admin")
    instance.ok("group", "add_members", "idm_admins", "outer", "--yes", name="admin")
    a.refused("grouper", "modify", spn("inner"), ["member"], "idm_hp_group_write_priv",
              modify(group_dn("inner"), ("+member", a.dn("ben"))))

    # renaming into a reserved name
    a.refused("anna", "modify", spn("anna"), ["name"], "root",
              lambda c: c.rename_s(a.dn("anna"), "uid=root"))

    # creating with a built-in uuid
    a.refused("grouper", "create", group_dn("built"), ["uuid"], "uuid",
              lambda c: c.add_s(group_dn("built"), [("uuid", BUILTIN.encode())]))

    # writing memberof, spn, class, uuid
    for attribute, value in (("memberof", group_dn("idm_admins")), ("spn", spn("admin")),
                             ("class", "service_account"), ("uuid", BUILTIN)):
        a.refused("anna", "modify", spn("anna"), [attribute], "",
                  modify(a.dn("anna"), ("+" + attribute, value)))

    # reviving a deleted administrator: nobody but who keeps the bin, and then without its groups
    uuid = json.loads(instance.ok("person", "get", "victim", "-o", "json", name="admin"))["uuid"][0]
    instance.ok("person", "delete", "victim", name="admin")
    dn = f"uuid={uuid},{instance.suffix}"
    found(instance, since, actor_name=spn("admin"), operation="delete", target=uuid, outcome="ok")
    a.refused("grouper", "revive", spn("victim"), ["class"], "no matching entries",
              modify(dn, ("-class", "recycled")))
    instance.ok("recycle-bin", "revive", "victim", name="keeper")
    assert a.record("keeper", "revive", spn("victim"), [])["outcome"] == "ok"

    # making oneself manager of an HP group, or managing one that becomes HP later
    a.refused("grouper", "modify", spn("idm_admins"), ["entry_managed_by"],
              "idm_hp_group_write_priv",
              modify(group_dn("idm_admins"), ("=entry_managed_by", a.dn("grouper"))))
    instance.ok("group", "add_members", "outer", "ours", "--yes", name="admin")
    a.refused("ben", "modify", spn("ours"), ["member"], "idm_hp_group_write_priv",
              modify(group_dn("ours"), ("+member", a.dn("anna"))))

    # a dynamic group by who may only write groups
    a.refused("grouper", "create", group_dn("dyn"), ["objectClass", "dyngroup_filter"],
              "idm_hp_group_manage_priv",
              lambda c: c.add_s(group_dn("dyn"), [("objectClass", b"dyngroup"),
                                                  ("dyngroup_filter", b"(class=person)")]))

    # a mail address that is the spn of another
    a.refused("idm_admin", "modify", spn("ben"), ["mail"], "is the spn of another",
              modify(a.dn("ben"), ("=mail", spn("anna"))))
    assert a.made == 16


def test_each_login_is_there_with_its_true_reason(instance, people, since):
    """To the client all refusals are the same (SPEC 8.4)."""
    def refused(name, password):
        with pytest.raises(ldap.INVALID_CREDENTIALS):
            instance.connect(name, password)

    refused("anna", "not her password at all")
    refused("no-such-one", "whatever it may be")
    instance.ok("person", "validity", "expire_at", "ben", "2020-09-25T11:22:04+00:00",
                name="idm_admin")
    refused("ben", instance.passwords["ben"])
    instance.ok("person", "validity", "expire_at", "ben", "clear", name="idm_admin")
    instance.connect("ben").unbind_s()
    assert "wrong password" in found(
        instance, since, operation="login", outcome="denied", actor_name=spn("anna"))["reason"]
    unknown = found(instance, since, operation="login", outcome="denied", actor_name="no-such-one")
    assert (unknown["reason"], unknown["actor"]) == ("no such account", None)
    assert "2020-09-25" in found(
        instance, since, operation="login", outcome="denied", actor_name=spn("ben"))["reason"]
    assert found(instance, since, operation="login", outcome="ok",
                 actor_name=spn("ben"))["reason"] == "by password"


def test_a_secret_that_was_shown_is_there(instance, people, since):
    instance.ok("person", "radius", "show_secret", "anna", name="idm_admin")
    refused = instance.kanidm("person", "radius", "show_secret", "anna", name="desk")
    assert refused.returncode == 1
    shown = found(instance, since, operation="read-secret", actor_name=spn("idm_admin"))
    assert (shown["target_name"], shown["outcome"]) == (spn("anna"), "ok")
    assert shown["attributes"] == ["radius_secret"]
    assert shown["session"] is not None
    denied = found(instance, since, operation="read-secret", actor_name=spn("desk"))
    assert denied["outcome"] == "denied" and "idm_radius_secret_read_priv" in denied["reason"]


def test_the_list_is_aligned_text_in_local_time(instance, people, since):
    instance.ok("person", "update", "anna", "--legalname", "Anna Maria", name="idm_admin")
    found(instance, since, operation="modify", target_name=spn("anna"),
          attributes=["legalname"])
    out = instance.ok("audit", "list", "--target", "anna", "--operation", "modify",
                      "--outcome", "ok", name="auditor", env={"TZ": "Australia/Brisbane"})
    lines = out.splitlines()
    assert len(lines) > 1
    first = re.fullmatch(r" *(\d+)  (\S+\+10:00)  ok  modify  (\S+) +(\S+)  (\S+) +\[legalname\]",
                         lines[0])
    assert first, lines[0]
    assert first.group(3, 4, 5) == (spn("idm_admin"), spn("anna"), "ldapi")
    assert len({line.index("modify") for line in lines}) == 1, out
    serials = [int(line.split()[0]) for line in lines]
    assert serials == sorted(serials, reverse=True)


def test_records_are_found_by_time_and_number(instance, people):
    newest = records(instance, "--limit", "3")
    assert len(newest) == 3
    at = newest[0]["at"]
    assert all(r["at"] >= at for r in records(instance, "--since", at, "--limit", "0"))
    assert all(r["at"] < at for r in records(instance, "--until", at, "--limit", "0"))
    everything = records(instance, "--limit", "0")
    assert [r["serial"] for r in everything] == list(range(1, len(everything) + 1))
    for args, why in ((("--outcome", "maybe"), "ok or refused"), (("--limit", "x"), "no number"),
                      (("--since", "yesterday"), "no time")):
        wrong = instance.kanidm("audit", "list", *args, name="auditor")
        assert wrong.returncode == 2 and why in wrong.stderr
    unknown = instance.kanidm("audit", "list", "--operation", "dance", name="auditor")
    assert unknown.returncode == 1 and "no operation" in unknown.stderr


def test_only_auditors_read_it(instance, people, since):
    for name in ("anna", "idm_admin"):
        for command in ("list", "verify"):
            refused = instance.kanidm("audit", command, name=name)
            assert refused.returncode == 1 and "idm_audit_read_priv" in refused.stderr
            refused = instance.kanidm("audit", command, "-o", "json", name=name)
            assert refused.returncode == 1 and refused.stdout == ""
        found(instance, since, operation="read", actor_name=spn(name), outcome="denied",
              attributes=["audit_trail"])
    instance.ok("audit", "list", name="auditor")


def test_the_chain_is_verified_by_the_server_and_offline(instance, people):
    out = instance.ok("audit", "verify", name="auditor")
    assert re.fullmatch(r"The audit trail is intact: records 1 to (\d+)\.\n"
                        r"hash of record \1: [0-9a-f]{64}\n", out), out
    verdict = json.loads(instance.ok("audit", "verify", "-o", "json", name="auditor"))
    assert verdict["intact"] and verdict["broken_at"] is None
    last = [r for r in records(instance, "--limit", "50") if r["serial"] == verdict["last"]]
    assert last[0]["hash"] == verdict["hash"]
    done = instance.kanidmd("database", "verify")
    assert done.returncode == 0, done.stdout + done.stderr

    # What was noted of it elsewhere shows whether somebody wrote another chain, or cut this one.
    noted = f"{verdict['last']}:{verdict['hash']}"
    instance.ok("audit", "verify", "--head", noted, name="auditor")
    other = f"{verdict['last'] - 1}:{verdict['hash']}"
    beyond = f"{verdict['last'] + 100000}:{verdict['hash']}"
    for head, status, why in ((other, 1, "written anew"), (beyond, 1, "was cut"),
                              ("7:short", 2, "a colon"), ("x:" + "0" * 64, 2, "a colon")):
        refused = instance.kanidm("audit", "verify", "--head", head, name="auditor")
        assert (refused.returncode, refused.stdout) == (status, "") and why in refused.stderr


def test_no_password_token_or_secret_is_in_it(instance, people, since):
    typed = "Typed as a Name 77"
    with pytest.raises(ldap.LDAPError):
        instance.connect(typed, "Typed as Password 78")
    found(instance, since, operation="login", actor_name="what is no name")
    octets = (instance.dir / "db" / "local.mdb").read_bytes()
    assert b"what is no name" in octets
    tokens = re.findall(r"kt_[\w-]{54}", (instance.dir / "home").joinpath(
        ".cache/kanidm_tokens").read_text())
    assert tokens
    planted = [typed, "Typed as Password 78", *instance.passwords.values(), *tokens,
               *instance.radius_secrets.values()]
    for secret in planted:
        assert secret.encode() not in octets


def changes_of(instance):
    numbers = {}
    for record in records(instance, "--limit", "0"):
        if record["change"] is not None:
            numbers.setdefault(record["change"], []).append(record)
    return numbers


def is_core(pid):
    try:
        return "/local.mdb" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def kill_core(instance):
    """The core process, which the supervisor starts again."""
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(instance.ldapd.pid)], text=True,
                         capture_output=True, check=True).stdout
    core, = [int(pid) for pid in out.split() if is_core(pid)]

    def serves():
        try:
            return instance.can_bind("idm_admin")
        except ldap.LDAPError:
            return False
    os.kill(core, signal.SIGKILL)
    wait_for(lambda: not is_core(core), "it is gone")
    wait_for(serves, "another one serves")


def test_no_change_is_without_its_line_however_the_server_ends(fresh):
    """Killed at any time, and with what offline tools change while it does not run."""
    one = fresh()
    one.recover("admin", "idm_admin")
    one.start_ldapd()
    one.login("admin")
    one.login("idm_admin")
    made = []
    for turn in range(6):
        connection = one.connect("idm_admin")
        for n in range(turn * 3 + 1):
            name = f"p{turn}-{n}"
            connection.add_s(f"uid={name},ou=people,{one.suffix}", [("displayname", b"P")])
            made.append(name)
        kill_core(one)
        connection.unbind_s()
        if turn % 2 == 1:
            one.stop_ldapd()
            one.recover("admin")
            one.start_ldapd()
    one.login("admin")
    one.create_person("last", radius=False)
    wait_for(lambda: records(one, "--target", "last"), "the trail has the last person")

    changes = changes_of(one)
    assert sorted(changes) == list(range(1, max(changes) + 1))
    created = [r["target_name"] for rs in changes.values() for r in rs
               if r["operation"] == "create"]
    assert sorted(created) == sorted(spn(name) for name in [*made, "last"])
    recovered = [r for rs in changes.values() for r in rs if r["operation"] == "recover-account"]
    assert [(r["target_name"], r["protocol"], r["source"]) for r in recovered] == \
        [(spn(name), "kanidmd", "console") for name in ("admin", "idm_admin", "admin", "admin",
                                                        "admin")]
    assert json.loads(one.ok("audit", "verify", "-o", "json", name="admin"))["intact"]


def test_the_trail_forgets_its_beginning_where_it_is_full(fresh):
    one = fresh(audit_bytes=1048576)
    one.recover("admin")
    one.start_ldapd()
    one.login("admin")
    connection = one.connect("", "")
    bad = f"uid={'x' * 60},ou=people,{one.suffix}"
    connection.unbind_s()
    first = json.loads(one.ok("audit", "verify", "-o", "json", name="admin"))["first"]
    assert first == 1
    connection = one.connect("admin")

    def fill():
        for _ in range(250):
            with pytest.raises(ldap.LDAPError):
                connection.delete_s(bad)
        return json.loads(one.ok("audit", "verify", "-o", "json", name="admin"))["first"] > 1
    wait_for(fill, "the oldest records are forgotten", 60)
    verdict = json.loads(one.ok("audit", "verify", "-o", "json", name="admin"))
    assert verdict["intact"] and verdict["first"] > 1
    forgotten = records(one, "--operation", "forget")
    assert "the trail was full" in forgotten[-1]["reason"]
