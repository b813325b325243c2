"""The chapter that the product implements: each of its command lines, as written and in its order.

Only what the chapter leaves to the reader is filled in: the path of server.toml, names in capitals,
a token and its id.  The tests are steps of one story, on an instance that nothing was done in.
"""

import re

import pexpect
import pytest

from instance import Instance

PASSWORD = "correct horse battery staple 42"
GENERATED = "[A-HJ-NP-Za-hjkp-z0-9]{48}"
TOKEN = r"kt_[A-Za-z0-9_-]{54}"


class Shell:
    """Somebody's shell, on a terminal, with the programs in its PATH."""

    def __init__(self, instance):
        self.instance = instance
        self.passwords = {}
        self.token = None
        self.env = dict(instance.env, KANIDM_URL=instance.ldapi, TZ="Australia/Brisbane",
                        LDAPTLS_CACERT=str(instance.dir / "ca.pem"),
                        PATH=f"{instance.programs}:{instance.env['PATH']}")

    def spawn(self, line):
        line = line.replace("/etc/kanidm/server.toml", str(self.instance.server_toml))
        return pexpect.spawn("bash", ["-c", line], env=self.env, encoding="utf-8", timeout=30,
                             dimensions=(50, 300))

    def fails(self, line):
        """What a line says that is refused."""
        child = self.spawn(line)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 1, f"{line}\n{child.before}"
        return child.before.replace("\r\n", "\n")

    def end(self, child, line):
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0, f"{line}\n{child.before}"
        return child.before.replace("\r\n", "\n")

    def run(self, line):
        """What a line prints that asks for nothing."""
        return self.end(self.spawn(line), line)

    def login(self, line, name):
        """A login by password."""
        child = self.spawn(line)
        child.expect("[Pp]assword: ?")
        child.sendline(self.passwords[name])
        assert f"Login Success for {name}" in self.end(child, line)


@pytest.fixture(scope="module")
def shell(built):
    instance = Instance()
    try:
        yield Shell(instance)
    finally:
        instance.close()


def values(printed, attribute):
    return re.findall(rf"^{attribute}: (.*)$", printed, re.M)


def test_recovering_the_initial_admin_accounts(shell):
    printed = shell.run("kanidmd recover_account admin -c /etc/kanidm/server.toml")
    match = re.fullmatch(
        rf"Successfully recovered account 'admin' - password reset to -> ({GENERATED})\n", printed)
    assert match, printed
    shell.passwords["admin"] = match[1]
    shell.instance.start_ldapd()
    shell.login("kanidm login -D admin", "admin")
    printed = shell.run("kanidm service-account credential generate-pw -D admin idm_admin")
    match = re.fullmatch(rf"Success: ({GENERATED})\n", printed)
    assert match, printed
    shell.passwords["idm_admin"] = match[1]


def test_recovering_needs_that_no_server_runs(shell):
    printed = shell.fails("kanidmd recover_account admin -c /etc/kanidm/server.toml")
    assert "running" in printed or "runs" in printed
    assert shell.instance.can_bind("admin", shell.passwords["admin"]), "nothing was changed"


def test_viewing_default_groups(shell):
    names = values(shell.run("kanidm group list"), "name")
    assert {"idm_admins", "system_admins", "idm_high_privilege", "idm_people_read_priv",
            "idm_account_manage_priv", "idm_all_persons"} <= set(names)
    for name in names:
        assert values(shell.run(f"kanidm group get {name}"), "name") == [name]


def test_creating_person_accounts(shell):
    shell.login("kanidm login --name idm_admin", "idm_admin")
    shell.run('kanidm account create demo_user "Demonstration User" --name idm_admin')
    printed = shell.run("kanidm account get demo_user --name idm_admin")
    assert values(printed, "displayname") == ["Demonstration User"]
    assert values(printed, "spn") == ["demo_user@idm.example.com"]
    assert "person" in values(printed, "class")

    shell.run("kanidm group create demo_group --name idm_admin")
    shell.run("kanidm group add_members demo_group demo_user --name idm_admin")
    printed = shell.run("kanidm group list_members demo_group --name idm_admin")
    assert "demo_user@idm.example.com" in printed

    assert "Login Success for anonymous" in shell.run("kanidm login --name anonymous")
    seen = shell.run("kanidm account get demo_user --name anonymous")
    assert values(seen, "displayname") == ["Demonstration User"]


def test_a_person_has_a_legal_name_and_mail(shell):
    line = ('kanidm account person update demo_user --legalname "initial name" '
            '--mail "initial@email.address"')
    child = shell.spawn(line)  # three sessions: it asks whose is meant
    child.expect(r"(\d+)\W+idm_admin\b")
    child.sendline(child.match[1])
    shell.end(child, line)
    printed = shell.run("kanidm account get demo_user --name idm_admin")
    assert values(printed, "legalname") == ["initial name"]
    assert values(printed, "mail") == ["initial@email.address"]
    printed = shell.run("kanidm account get demo_user --name anonymous")
    assert values(printed, "legalname") == values(printed, "mail") == []


def test_resetting_person_account_credentials(shell):
    line = "kanidm account credential update demo_user --name idm_admin"
    child = shell.spawn(line)
    child.expect("spn: ?")
    child.expect("Name: Demonstration User\r\n")
    child.expect("Primary Credential:")
    child.expect(r"uuid: [0-9a-f]{8}-[0-9a-f-]{27}\r\n")
    child.expect(r"Can Commit: (true|false)")
    child.expect_exact("cred update (? for help) # : ")
    child.sendline("pass")
    child.expect_exact("New password: ")
    child.sendline(PASSWORD)
    child.expect_exact("Confirm password: ")
    child.sendline(PASSWORD)
    child.expect_exact("success")
    assert PASSWORD not in child.before
    child.expect_exact("cred update (? for help) # : ")
    child.sendline("commit")
    child.expect_exact("Do you want to commit your changes? ")
    child.sendline("yes")
    child.expect_exact("success")
    shell.end(child, line)
    shell.passwords["demo_user"] = PASSWORD
    shell.login("kanidm login --name demo_user", "demo_user")
    assert "demo_user@idm.example.com" in shell.run("kanidm self whoami --name demo_user")


def test_creating_service_accounts(shell):
    shell.run('kanidm service-account create demo_service "Demonstration Service" --name admin')
    printed = shell.run("kanidm service-account get demo_service --name admin")
    assert values(printed, "displayname") == ["Demonstration Service"]
    assert "service_account" in values(printed, "class")


def generate(shell, arguments):
    """A new token and what was said beside it."""
    printed = shell.run(f"kanidm service-account api-token generate --name admin {arguments}")
    found = re.findall(TOKEN, printed)
    assert len(found) == 1, printed
    return found[0], printed


def status(shell):
    return shell.run("kanidm service-account api-token status --name admin demo_service")


def test_generating_api_tokens(shell):
    status(shell)
    shell.token, _ = generate(shell, 'demo_service "Test Token"')
    _, said = generate(shell, 'demo_service "Test Token" 2020-09-25T11:22:02+10:00')
    assert "past" in said or "never" in said or "expired" in said
    rw, _ = generate(shell, 'demo_service "Test Token" --rw')
    generate(shell, 'demo_service "Test Token" 2020-09-25T11:22:02+10:00 --rw')
    printed = status(shell)
    assert printed.count("Test Token") == 4
    assert shell.token not in printed and rw not in printed
    assert "2020-09-25T11:22:02+10:00" in printed, "times are local ones"


def test_an_api_token_binds_to_ldap(shell):
    printed = shell.run(f'ldapwhoami -H {shell.instance.url} -x -D "" -w "{shell.token}"')
    assert printed == "u:demo_service@idm.example.com\n"


def test_destroying_an_api_token(shell):
    ids = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", status(shell))
    assert len(set(ids)) == 4
    for number, token_id in enumerate(sorted(set(ids)), start=1):
        shell.run("kanidm service-account api-token destroy --name admin demo_service "
                  f"{token_id}")
        assert status(shell).count("Test Token") == 4 - number
    line = f'ldapwhoami -H {shell.instance.url} -x -D "" -w "{shell.token}"'
    child = shell.spawn(line)
    child.expect("Invalid credentials")
    child.expect(pexpect.EOF)


def test_resetting_service_account_credentials(shell):
    printed = shell.run(
        "kanidm service-account credential generate-pw demo_service --name admin")
    match = re.fullmatch(rf"Success: ({GENERATED})\n", printed)
    assert match, printed
    assert shell.instance.can_bind("demo_service", match[1])


def test_nested_groups(shell):
    shell.run("kanidm group create group_1 --name idm_admin")
    shell.run("kanidm group create group_2 --name idm_admin")
    shell.run('kanidm account create nest_example "Nesting Account Example" --name idm_admin')
    shell.run("kanidm group add_members group_1 group_2 --name idm_admin")
    shell.run("kanidm group add_members group_2 nest_example --name idm_admin")
    printed = shell.run("kanidm account get nest_example --name anonymous")
    memberof = " ".join(values(printed, "memberof"))
    assert "group_1" in memberof and "group_2" in memberof
    assert "group_1" not in " ".join(values(printed, "directmemberof"))


def show_validity(shell):
    return shell.run("kanidm account validity show demo_user --name idm_admin")


def may_bind(shell):
    return shell.instance.can_bind("demo_user", PASSWORD)


def test_account_validity(shell):
    assert show_validity(shell) == "valid after: any time\nexpire: never\n"
    shell.run("kanidm account validity begin_from demo_user '2020-09-25T11:22:04+00:00' "
              "--name idm_admin")
    assert may_bind(shell)
    shell.run("kanidm account validity expire_at demo_user '2020-09-25T11:22:04+00:00' "
              "--name idm_admin")
    assert not may_bind(shell)
    assert show_validity(shell) == ("valid after: 2020-09-25T21:22:04+10:00\n"
                                    "expire: 2020-09-25T21:22:04+10:00\n")
    for from_word, expire_word in ("any", "never"), ("clear", "clear"):
        shell.run(f"kanidm account validity begin_from demo_user {from_word} --name idm_admin")
        shell.run(f"kanidm account validity expire_at demo_user {expire_word} --name idm_admin")
        assert show_validity(shell) == "valid after: any time\nexpire: never\n"
        assert may_bind(shell)
        shell.run("kanidm account validity begin_from demo_user '2020-09-25T11:22:04+00:00' "
                  "--name idm_admin")
        shell.run("kanidm account validity expire_at demo_user "
                  "1970-01-01T00:00:00+00:00 --name idm_admin")
        assert not may_bind(shell)


def test_persons_may_change_their_mail_when_they_are_let(shell):
    shell.run("kanidm account validity expire_at demo_user never --name idm_admin")
    shell.login("kanidm login --name demo_user", "demo_user")
    change = "kanidm account person update demo_user --mail own@email.address --name demo_user"
    assert "mail" in shell.fails(change)
    shell.run("kanidm group add_members idm_people_self_write_mail_priv demo_user "
              "--name idm_admin")
    shell.run(change)
    printed = shell.run("kanidm account get demo_user --name idm_admin")
    assert values(printed, "mail") == ["own@email.address"]


def test_why_idm_admin_can_t_change_admin(shell):
    said = shell.fails("kanidm service-account credential generate-pw admin --name idm_admin")
    assert "idm_hp_account_write_priv" in said
    assert shell.instance.can_bind("admin", shell.passwords["admin"])
