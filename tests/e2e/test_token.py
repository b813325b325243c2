"""API tokens of service accounts: the chapter's command lines, and what the tokens are good for."""

import datetime
import json
import re
import subprocess

import ldap
import pytest

from instance import wait_for

EXPIRED = "2020-09-25T11:22:02+10:00"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TOKEN = r"kt_[\w-]{54}"


@pytest.fixture(scope="module", autouse=True)
def logins(instance):
    instance.login("admin")
    instance.login("idm_admin")
    instance.login("anonymous")


@pytest.fixture()
def service(instance):
    """A service account of its own for each test."""
    service.count = getattr(service, "count", 0) + 1
    name = f"robot_{service.count}"
    instance.ok("service-account", "create", name, "A Robot", "--name", "admin")
    return name


@pytest.fixture()
def person(instance):
    person.count = getattr(person, "count", 0) + 1
    name = f"mensch_{person.count}"
    instance.create_person(name, radius=False)
    return name


def generate(instance, service, *args, name="admin"):
    """A token's text and id."""
    made = json.loads(instance.ok("service-account", "api-token", "generate", service, "Test Token",
                                  *args, "-o", "json", name=name))
    assert made["status"] == "ok" and re.fullmatch(TOKEN, made["token"])
    return made["token"], made["id"]


def listed(instance, service, name="admin"):
    return json.loads(instance.ok("service-account", "api-token", "status", service, "-o", "json",
                                  name=name))


def whoami(instance, dn, token):
    return instance.ldapwhoami(name=dn, password=token)


def utc(at_s):
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def goes_away(connection):
    """The server ends it by itself, within the second that it promises and some for the machine."""

    def ended():
        try:
            connection.result4(ldap.RES_ANY, timeout=0.05)
        except ldap.TIMEOUT:
            return False
        except ldap.LDAPError:
            return True
        return False

    return wait_for(ended, "the connection is ended", 5)


# --- the chapter


def test_the_chapter_s_service_account_and_its_tokens(instance):
    run = instance.ok
    run("service-account", "create", "demo_service", "Demonstration Service", "--name", "admin")
    entry = run("service-account", "get", "demo_service", "--name", "admin")
    assert "displayname: Demonstration Service\n" in entry
    assert "class: service_account\n" in entry
    status = ["service-account", "api-token", "status", "--name", "admin", "demo_service"]
    done = instance.kanidm(*status)
    assert (done.returncode, done.stdout) == (0, "")
    assert "demo_service has no API tokens" in done.stderr

    generate = ["service-account", "api-token", "generate", "--name", "admin", "demo_service",
                "Test Token"]
    tokens = []
    for more in [[], [EXPIRED], ["--rw"], [EXPIRED, "--rw"]]:
        done = instance.kanidm(*generate, *more)
        assert done.returncode == 0, done.stderr
        told = re.fullmatch(rf"Success: This token will only be displayed ONCE\n({TOKEN})\n",
                            done.stdout)
        assert told, done.stdout
        tokens.append(told[1])
        warned = f"warning: {EXPIRED} has passed, so this token never works" in done.stderr
        assert warned == (EXPIRED in more)
    out = run(*status)
    blocks = out.split("---\n")[1:]
    for block in blocks:
        assert re.fullmatch(
            rf"token id: {UUID}\nlabel: Test Token\nissued at: \S+\n"
            r"expiry: (never|2020-09-25T01:22:02\+00:00)\npurpose: read (only|write)\n", block)
    assert sorted(re.findall(r"expiry: (\w+)", out)) == ["2020", "2020", "never", "never"]
    assert [out.count("read only"), out.count("read write")] == [2, 2]
    assert not re.search(TOKEN, out), "a token is shown once"

    for token, works in zip(tokens, [True, False, True, False]):
        done = whoami(instance, "", token)
        assert (done.returncode == 0) == works
        assert done.stdout == ("u:demo_service@idm.example.com\n" if works else "")

    for token_id in re.findall(rf"token id: ({UUID})", out):
        assert run("service-account", "api-token", "destroy", "--name", "admin", "demo_service",
                   token_id) == "Success\n"
    assert run(*status) == ""
    assert all(whoami(instance, "", token).returncode != 0 for token in tokens)


def test_the_chapter_s_generated_password(instance, service):
    out = instance.ok("service-account", "credential", "generate-pw", service, "--name", "admin")
    password = re.fullmatch(r"Success: (\w{48})\n", out)[1]
    assert instance.can_bind(service, password)
    instance.ok("service-account", "credential", "generate-pw", service, "--name", "admin")
    assert not instance.can_bind(service, password)


# --- their status


def test_status_for_programs(instance, service):
    instance.clock.set(instance.clock.now())
    try:
        _, first = generate(instance, service)
        instance.clock.shift(1)
        _, second = generate(instance, service, "2036-01-02T03:04:05Z", "--rw")
    finally:
        instance.clock.reset()
    one, two = listed(instance, service)
    assert [one["id"], two["id"]] == [first, second]
    assert [one["expiry"], two["expiry"]] == [None, "2036-01-02T03:04:05Z"]
    assert [one["purpose"], two["purpose"]] == ["read only", "read write"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["issued_at"])


def test_who_may_not_see_them_is_told_so(instance, service, person):
    generate(instance, service)
    instance.login(person)
    done = instance.kanidm("service-account", "api-token", "status", service, name=person)
    assert done.returncode == 1 and done.stdout == ""
    assert "idm_account_read_priv grants it" in done.stderr
    done = instance.kanidm("service-account", "api-token", "status", service, name="anonymous")
    assert done.returncode == 1 and done.stdout == ""


def test_a_person_or_anonymous_gets_none(instance, person):
    for who, why in [(person, "no service account"), ("anonymous", "never has an API token")]:
        done = instance.kanidm("account", "api-token", "generate", who, "x", name="idm_admin")
        assert done.returncode == 1 and done.stdout == ""
        assert why in done.stderr


@pytest.mark.parametrize("args, status", [
    (["generate", "SERVICE"], 2), (["generate", "SERVICE", "x", "tomorrow"], 2),
    (["generate", "SERVICE", "x", EXPIRED, "more"], 2), (["generate", "SERVICE", ""], 1),
    (["generate", "SERVICE", "x" * 129], 1), (["destroy", "SERVICE"], 2),
    (["destroy", "SERVICE", "4"], 1), (["status"], 2), (["status", "SERVICE", "--rw"], 2),
    (["destroy", "SERVICE", "4de2a4e9-e06a-4c5e-8a1b-33f4e7dd5dc7"], 1),
    (["status", "nobody_of_this_name"], 1)])
def test_what_is_wrong_is_said_in_a_line(instance, service, args, status):
    args = [service if arg == "SERVICE" else arg for arg in args]
    done = instance.kanidm("service-account", "api-token", *args, name="admin")
    assert done.returncode == status
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert listed(instance, service) == []


def test_a_label_may_be_any_text(instance, service):
    for label in ["Žluťoučký kůň", "--rw", "x" * 128, "a: b"]:
        args = ["--", service, label] if label.startswith("-") else [service, label]
        instance.ok("service-account", "api-token", "generate", "--name", "admin", *args)
    assert {one["label"] for one in listed(instance, service)} == {
        "Žluťoučký kůň", "--rw", "x" * 128, "a: b"}


# --- what they are good for


def test_a_token_binds_in_each_form(instance, service):
    token, _ = generate(instance, service)
    for dn in ["", "dn=token", f"uid={service},ou=services,{instance.suffix}", service,
               f"spn={service}@idm.example.com,{instance.suffix}"]:
        assert whoami(instance, dn, token).stdout == f"u:{service}@idm.example.com\n"
    for dn in ["admin", f"uid=nobody,{instance.suffix}"]:
        assert whoami(instance, dn, token).returncode == 49


def test_read_only_and_read_write(instance, service):
    """Both have their account's rights; one of them may not use those that write."""
    group = f"{service}_group"
    instance.ok("group", "create", group, name="idm_admin")
    instance.ok("group", "add_members", "idm_group_write_priv", service, "--yes", name="admin")
    reader = instance.connect("", generate(instance, service, name="admin")[0])
    writer = instance.connect("", generate(instance, service, "--rw", name="admin")[0])
    dn = f"cn={group},ou=groups,{instance.suffix}"
    change = [(ldap.MOD_REPLACE, "description", [b"by a token"])]
    with pytest.raises(ldap.INSUFFICIENT_ACCESS) as refused:
        reader.modify_s(dn, change)
    assert "read-only" in refused.value.args[0]["info"]
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        reader.delete_s(dn)
    writer.modify_s(dn, change)
    assert reader.search_s(dn, ldap.SCOPE_BASE)[0][1]["description"] == [b"by a token"]
    assert reader.compare_s(dn, "description", b"by a token")
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        writer.modify_s(f"uid=admin,ou=services,{instance.suffix}", change)


def test_tokens_outlive_the_server_s_end(instance, service):
    token, token_id = generate(instance, service)
    gone, gone_id = generate(instance, service)
    instance.ok("service-account", "api-token", "destroy", service, gone_id, name="admin")
    instance.restart_ldapd()
    assert instance.can_bind("", token)
    assert not instance.can_bind("", gone)
    assert [one["id"] for one in listed(instance, service)] == [token_id]


def test_a_manager_gives_and_takes_them(instance, service, person):
    """Who is named as the entry's manager, though he holds no privilege."""
    instance.login(person)
    refused = instance.kanidm("service-account", "api-token", "generate", service, "x",
                              name=person)
    assert refused.returncode == 1 and "idm_account_write_priv grants it" in refused.stderr
    instance.ok("service-account", "update", service, "--entry-managed-by", person, name="admin")
    token, token_id = generate(instance, service, name=person)
    assert instance.can_bind("", token)
    assert [one["id"] for one in listed(instance, service, name=person)] == [token_id]
    instance.ok("service-account", "api-token", "destroy", service, token_id, name=person)
    assert not instance.can_bind("", token)


def test_a_high_privilege_account_s_token_has_its_rights(instance):
    """admin gives idm_admin one, by hp_account_write; idm_admin may give admin none."""
    token, token_id = generate(instance, "idm_admin", "--rw")
    connection = instance.connect("", token)
    dn = f"cn=made_by_token,ou=groups,{instance.suffix}"
    connection.add_s(dn, [("objectClass", [b"groupOfNames"])])
    connection.delete_s(dn)
    done = instance.kanidm("service-account", "api-token", "generate", "admin", "x",
                           name="idm_admin")
    assert done.returncode == 1 and "idm_hp_account_write_priv grants it" in done.stderr
    instance.ok("service-account", "api-token", "destroy", "idm_admin", token_id, name="admin")
    assert goes_away(connection)


# --- what ends them


def test_destroying_one_ends_its_open_connections(instance, service):
    token, token_id = generate(instance, service)
    other, _ = generate(instance, service)
    idle, busy = instance.connect("", token), instance.connect("dn=token", token)
    stays = instance.connect("", other)
    assert busy.whoami_s() == f"u:{service}@idm.example.com"
    instance.ok("service-account", "api-token", "destroy", service, token_id, name="admin")
    assert goes_away(idle) and goes_away(busy)
    assert stays.whoami_s() == f"u:{service}@idm.example.com"
    assert not instance.can_bind("", token)


def test_expiry_ends_open_connections(instance, service):
    instance.clock.set(instance.clock.now(), synchronised=True)
    try:
        ends = instance.clock.now() + 60
        token, _ = generate(instance, service, utc(ends))
        connection = instance.connect("", token)
        instance.clock.shift(59)
        assert connection.whoami_s() == f"u:{service}@idm.example.com"
        instance.clock.shift(1)
        assert goes_away(connection)
        assert not instance.can_bind("", token)
    finally:
        instance.clock.reset()


def test_a_locked_account_s_token_is_of_no_use_until_it_is_unlocked(instance, service):
    token, _ = generate(instance, service)
    connection = instance.connect("", token)
    instance.ok("service-account", "validity", "expire_at", service, "epoch", name="admin")
    assert goes_away(connection)
    assert not instance.can_bind("", token)
    instance.ok("service-account", "validity", "expire_at", service, "never", name="admin")
    assert instance.can_bind("", token)


def test_becoming_high_privilege_ends_tokens_and_sessions(instance, service):
    """By nesting, too: an ordinary group is put into one that holds a privilege (SPEC 4)."""
    token, _ = generate(instance, service, "--rw")
    out = instance.ok("service-account", "credential", "generate-pw", service, name="admin")
    instance.passwords[service] = re.search(r"Success: (\S+)", out)[1]
    instance.login(service)
    by_token = instance.connect("", token)
    team = f"{service}_team"
    instance.ok("group", "create", team, name="idm_admin")
    instance.ok("group", "add_members", team, service, name="idm_admin")
    assert by_token.whoami_s() == f"u:{service}@idm.example.com", "not by an ordinary group"
    instance.ok("group", "add_members", "idm_service_desk", team, "--yes", name="admin")
    assert goes_away(by_token)
    assert not instance.can_bind("", token)
    assert instance.kanidm("self", "whoami", name=service).returncode == 1
    assert listed(instance, service) == []


def test_becoming_a_person_ends_tokens_and_password(instance, service, person):
    instance.login(person)
    token, _ = generate(instance, service, "--rw")
    out = instance.ok("service-account", "credential", "generate-pw", service, name="admin")
    password = re.search(r"Success: (\S+)", out)[1]
    connections = [instance.connect("", token), instance.connect(service, password)]
    into = ["service-account", "into-person", service]
    done = instance.kanidm(*into, name="idm_admin")
    assert done.returncode == 1 and "--yes" in done.stderr
    assert instance.can_bind("", token)
    done = instance.kanidm(*into, "--yes", name=person)
    assert done.returncode == 1 and "idm_people_extend_priv grants it" in done.stderr
    assert instance.ok(*into, "--yes", name="idm_admin") == "Success\n"
    assert all(goes_away(connection) for connection in connections)
    assert not instance.can_bind("", token) and not instance.can_bind(service, password)
    assert "class: person\n" in instance.ok("person", "get", service, name="idm_admin")
    done = instance.kanidm("account", "api-token", "generate", service, "x", name="idm_admin")
    assert "is no service account" in done.stderr
    done = instance.kanidm("account", "into-person", service, "--yes", name="idm_admin")
    assert done.returncode == 1 and "is no service account" in done.stderr


@pytest.mark.parametrize("name", ["admin", "anonymous"])
def test_a_built_in_never_becomes_a_person(instance, name):
    done = instance.kanidm("service-account", "into-person", name, "--yes", name="admin")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2, "the question that --yes answers, and the refusal"


def test_deleting_the_account_ends_its_tokens_for_good(instance, service):
    token, _ = generate(instance, service)
    connection = instance.connect("", token)
    instance.ok("service-account", "delete", service, name="admin")
    assert goes_away(connection)
    instance.ok("recycle-bin", "revive", service, name="admin")
    assert not instance.can_bind("", token)
    assert listed(instance, service) == []


def test_no_token_is_in_the_log_or_the_database(instance, service):
    token, token_id = generate(instance, service)
    assert instance.can_bind("", token)
    assert f"bind by a token ({token_id})" in instance.ldapd_log(), "but which one it was"
    assert not instance.can_bind("", token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert token not in instance.ldapd_log()
    files = subprocess.run(["grep", "-rlF", token[22:], str(instance.dir)], capture_output=True,
                           text=True).stdout
    assert files == ""
