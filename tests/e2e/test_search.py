"""Search and compare as clients use them: aliases, filters, rights, RootDSE, schema, controls."""

import socket
import ssl
import time

import ldap
import ldap.extop
import ldap.schema
import pytest
from ldap.controls import SimplePagedResultsControl
from ldap.controls.libldap import AssertionControl
from ldap.controls.readentry import PostReadControl, PreReadControl
from ldap.controls.simple import ManageDSAITControl

CROWD = 1500
WHOAMI = "1.3.6.1.4.1.4203.1.11.3"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.fixture(scope="module")
def people(instance):
    """anna in staff, staff in everyone; ben in none; and a crowd that has nothing but names."""
    for name, shown in ("anna", "Anna Apfel"), ("ben", "Ben Birne"):
        instance.create_person(name, shown, radius=False)
    instance.ok("person", "update", "anna", "--mail", "anna@example.com", "--legalname",
                "Anna Maria Apfel", name="idm_admin")
    for group in "staff", "everyone", "crowd":
        instance.ok("group", "create", group, name="idm_admin")
    instance.ok("group", "add_members", "staff", "anna", name="idm_admin")
    instance.ok("group", "add_members", "everyone", "staff", name="idm_admin")
    connection = instance.connect("idm_admin")
    for first in range(0, CROWD, 25):
        messages = [connection.add(instance.dn(f"p{i:04}"), [
            ("objectClass", [b"person"]), ("uid", [b"p%04d" % i]),
            ("displayname", [b"Somebody %d" % i])]) for i in range(first, first + 25)]
        for message in messages:
            connection.result(message)
    connection.modify_s(f"cn=crowd,ou=groups,{instance.suffix}", [
        (ldap.MOD_ADD, "member", [instance.dn(f"p{i:04}").encode() for i in range(CROWD)])])
    connection.unbind_s()


def names(connection, instance, text, scope=ldap.SCOPE_SUBTREE, base=None):
    found = connection.search_s(base or instance.suffix, scope, text, ["name"])
    return sorted(entry["name"][0].decode() for _, entry in found if entry.get("name"))


def read(connection, dn, attributes=None):
    [(_, entry)] = connection.search_s(dn, ldap.SCOPE_BASE, attrlist=attributes)
    return {name: [value.decode() for value in values] for name, values in entry.items()}


def group_dn(instance, name):
    return f"cn={name},ou=groups,{instance.suffix}"


# --- attributes


def test_a_person_has_what_applications_read(admin, instance):
    entry = read(admin, instance.dn("anna"), ["*", "+"])
    assert entry["uid"] == ["anna"]
    assert entry["cn"] == ["Anna Apfel", "anna"]
    assert entry["sn"] == ["Apfel"]
    assert entry["givenName"] == ["Anna"]
    assert entry["mail"] == ["anna@example.com"]
    assert entry["memberOf"][-2:] == [group_dn(instance, "staff"), group_dn(instance, "everyone")]
    assert entry["entryDN"] == [instance.dn("anna")]
    assert entry["entryUUID"] == entry["uuid"] and len(entry["entryUUID"][0]) == 36
    assert entry["hasSubordinates"] == ["FALSE"]
    assert entry["structuralObjectClass"] == ["inetOrgPerson"]
    assert entry["subschemaSubentry"] == ["cn=subschema"]
    assert entry["createTimestamp"][0].endswith("Z") and len(entry["createTimestamp"][0]) == 15
    assert set(entry["objectClass"]) >= {"top", "person", "organizationalPerson", "inetOrgPerson"}


def test_attributes_come_as_they_were_asked_for(admin, instance):
    dn = instance.dn("anna")
    assert read(admin, dn, ["UID", "memberof", "displayname"]).keys() == \
        {"UID", "memberof", "displayname"}
    assert read(admin, dn, ["2.5.4.3"]).keys() == {"cn"}
    assert read(admin, dn, ["uid", "uid", "UID"]).keys() == {"uid"}
    assert read(admin, dn, ["mail;primary"]) == {"mail;primary": ["anna@example.com"]}
    assert read(admin, dn, ["userCertificate;binary", "dn", "cn;lang-de"]) == {}
    assert "homeDirectory" not in read(admin, dn, ["@posixAccount"])
    assert {"uid", "cn"} <= read(admin, dn, ["@posixAccount"]).keys()
    assert read(admin, dn, ["1.1"]) == {}
    assert read(admin, dn, ["1.1", "uid"]).keys() == {"uid"}


def test_all_five_forms_of_membership_agree(admin, instance):
    anna = instance.dn("anna")
    for text in (f"(member={anna})", f"(uniqueMember={anna})"):
        assert "staff" in names(admin, instance, text)
    for text in ("(memberUid=anna)", f"(member:1.2.840.113556.1.4.1941:={anna})"):
        assert {"staff", "everyone"} <= set(names(admin, instance, text))
    people = "ou=people," + instance.suffix
    for group in "staff", "everyone":
        dn = group_dn(instance, group)
        for text in f"(memberOf={dn})", f"(memberOf:1.2.840.113556.1.4.1941:={dn})":
            assert names(admin, instance, text, base=people) == ["anna"]
        assert read(admin, dn, ["memberUid"]) == {"memberUid": ["anna"]}


def test_a_large_group_is_read_whole(admin, instance):
    entry = read(admin, group_dn(instance, "crowd"), ["member"])
    assert len(entry["member"]) == CROWD
    assert instance.dn("p0007") in entry["member"]


def test_a_key_is_shown_as_sshd_reads_it(instance, people):
    connection = instance.connect("anna")
    connection.modify_s(instance.dn("anna"), [
        (ldap.MOD_ADD, "sshPublicKey", [f"{KEY} laptop".encode()])])
    assert read(connection, instance.dn("anna"), ["sshPublicKey"]) == \
        {"sshPublicKey": [f"{KEY} laptop"]}
    assert connection.compare_s(instance.dn("anna"), "sshPublicKey", f"{KEY} laptop".encode())
    assert not connection.compare_s(instance.dn("anna"), "sshPublicKey", b"ssh-ed25519 AAAA laptop")
    connection.unbind_s()


def test_validity_is_told_as_other_servers_do(admin, instance):
    attributes = ["nsAccountLock", "loginDisabled", "shadowExpire", "krbPrincipalExpiration",
                  "accountExpires", "pwdAccountLockedTime"]
    soon = int(time.time()) + 3600
    instance.validity("ben", expire=soon)
    entry = read(admin, instance.dn("ben"), attributes)
    assert entry["nsAccountLock"] == entry["loginDisabled"] == ["FALSE"]
    assert entry["shadowExpire"] == [str(-(-soon // 86400))]
    assert entry["krbPrincipalExpiration"] == [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(soon))]
    assert entry["accountExpires"] == [str((soon + 11644473600) * 10**7)]
    assert "pwdAccountLockedTime" not in entry
    instance.validity("ben", valid_from=soon)
    entry = read(admin, instance.dn("ben"), attributes)
    assert entry["nsAccountLock"] == ["TRUE"]
    assert entry["pwdAccountLockedTime"] == ["000001010000Z"]
    assert names(admin, instance, "(&(objectClass=person)(nsAccountLock=TRUE))") == ["ben"]
    assert "ben" not in names(admin, instance, "(&(uid=ben)(!(nsAccountLock=TRUE)))")
    instance.validity("ben")
    assert names(admin, instance, "(&(uid=ben)(!(nsAccountLock=TRUE)))") == ["ben"]


# --- what may not be seen


def test_an_alias_shows_no_more_than_its_source(anonymous, instance):
    attributes = ["mail", "email", "emailAddress", "mail;primary", "nsAccountLock", "shadowExpire",
                  "accountExpires", "krbPrincipalExpiration", "legalname", "userPassword"]
    assert read(anonymous, instance.dn("anna"), attributes) == {}
    for text in ("(email=anna@example.com)", "(mail;primary=*)", "(nsAccountLock=*)",
                 "(!(nsAccountLock=TRUE))", "(sn=maria)", "(legalname=*maria*)"):
        assert "anna" not in names(anonymous, instance, text)


def test_types_only_tells_nothing_of_what_may_not_be_seen(anonymous, instance):
    [(_, entry)] = anonymous.search_s(instance.dn("anna"), ldap.SCOPE_BASE,
                                      attrlist=["mail", "uid"], attrsonly=1)
    assert entry == {"uid": []}


def test_compare_says_no_more_than_search(anonymous, admin, instance):
    dn = instance.dn("anna")
    for attribute in "mail", "email", "account_expire", "userPassword":
        for value in b"anna@example.com", b"x":
            with pytest.raises(ldap.NO_SUCH_ATTRIBUTE):
                anonymous.compare_s(dn, attribute, value)
    with pytest.raises(ldap.UNDEFINED_TYPE):
        admin.compare_s(dn, "no-such-attribute", b"x")
    with pytest.raises(ldap.NO_SUCH_ATTRIBUTE):
        admin.compare_s(dn, "description", b"x")
    staff = group_dn(instance, "staff")
    assert admin.compare_s(staff, "member", dn.encode())
    assert admin.compare_s(staff, "member", b"UID=Anna, OU=People, " + instance.suffix.encode())
    assert not admin.compare_s(staff, "member", instance.dn("ben").encode())
    assert admin.compare_s(dn, "memberOf", group_dn(instance, "everyone").encode())
    assert admin.compare_s(dn, "objectClass", b"INETORGPERSON")
    assert admin.compare_s("", "supportedLDAPVersion", b"3")


# --- the tree


def test_a_base_may_be_written_in_other_ways(admin, instance):
    for base in (f"UID=Anna, OU=People, {instance.suffix}", f"spn=anna@{instance.domain},"
                 f"{instance.suffix}", f"name=anna,{instance.suffix}", "uid=anna,ou=people"):
        [(dn, _)] = admin.search_s(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
        assert dn == instance.dn("anna")


def test_what_is_not_there_names_the_nearest_above(admin, instance):
    for base, matched in ((instance.dn("nobody"), f"ou=people,{instance.suffix}"),
                          (f"uid=anna,ou=groups,{instance.suffix}", f"ou=groups,{instance.suffix}"),
                          (f"ou=none,{instance.suffix}", instance.suffix)):
        with pytest.raises(ldap.NO_SUCH_OBJECT) as caught:
            admin.search_s(base, ldap.SCOPE_SUBTREE)
        assert caught.value.args[0].get("matched") == matched


def test_scopes_below_a_container_and_an_entry(admin, instance):
    groups = "ou=groups," + instance.suffix
    assert "anna" not in names(admin, instance, "(name=*)", base=groups)
    assert names(admin, instance, "(cn=staff)", ldap.SCOPE_ONELEVEL, groups) == ["staff"]
    found = admin.search_s(groups, ldap.SCOPE_SUBTREE, "(objectClass=organizationalUnit)", ["1.1"])
    assert [dn for dn, _ in found] == [groups]
    assert admin.search_s(instance.dn("anna"), ldap.SCOPE_ONELEVEL) == []
    assert len(admin.search_s("", ldap.SCOPE_SUBTREE, "(uid=anna)", ["1.1"])) == 1


# --- RootDSE and schema


def test_the_root_dse_names_what_works(instance):
    connection = instance.connect()
    entry = read(connection, "", ["*", "+"])
    assert entry["subschemaSubentry"] == ["cn=subschema"]
    assert entry["vendorName"] and entry["vendorVersion"]
    assert {"1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"} <= set(entry["supportedFeatures"])
    assert {"1.2.840.113556.1.4.319", "2.16.840.1.113730.3.4.2"} <= set(entry["supportedControl"])
    assert read(connection, "", ["NAMINGCONTEXTS"]).keys() == {"namingContexts"}
    assert connection.search_s("", ldap.SCOPE_BASE, "(objectclass=TOP)", ["1.1"]) == [("", {})]
    assert connection.search_s("", ldap.SCOPE_BASE, "(objectClass=person)", ["1.1"]) == []
    connection.unbind_s()


def test_the_root_dse_promises_nothing_that_is_refused(admin, instance):
    entry = read(admin, "", ["supportedExtension", "supportedFeatures", "supportedControl"])
    for oid in entry["supportedExtension"]:
        value = None if oid == WHOAMI else b"no such value"
        try:
            admin.extop_s(ldap.extop.ExtendedRequest(oid, value))
        except ldap.LDAPError as error:
            assert "unknown extended operation" not in str(error), oid
    assert ("1.3.6.1.1.14" in entry["supportedFeatures"]) == increments(admin, instance)


def increments(connection, instance):
    try:
        connection.modify_s(instance.dn("anna"), [(3, "displayName", [b"1"])])
    except ldap.LDAPError as error:
        return "not offered" not in str(error)
    return True


def test_every_description_of_the_schema_parses(instance):
    connection = instance.connect()
    dn = connection.search_subschemasubentry_s("")
    schema = ldap.schema.SubSchema(connection.read_subschemasubentry_s(dn), check_uniqueness=2)
    assert not schema.non_unique_oids
    assert not any(len(names) for names in schema.non_unique_names.values())
    for kind in (ldap.schema.AttributeType, ldap.schema.ObjectClass, ldap.schema.LDAPSyntax,
                 ldap.schema.MatchingRule):
        assert schema.listall(kind)
    syntaxes = set(schema.listall(ldap.schema.LDAPSyntax))
    rules = {name for oid in schema.listall(ldap.schema.MatchingRule)
             for name in schema.get_obj(ldap.schema.MatchingRule, oid).names}
    for oid in schema.listall(ldap.schema.AttributeType):
        attribute = schema.get_obj(ldap.schema.AttributeType, oid)
        assert attribute.names and attribute.syntax in syntaxes, str(attribute)
        for rule in attribute.equality, attribute.ordering, attribute.substr:
            assert rule is None or rule in rules, str(attribute)
    for oid in schema.listall(ldap.schema.ObjectClass):
        one = schema.get_obj(ldap.schema.ObjectClass, oid)
        for superior in one.sup:
            assert schema.get_obj(ldap.schema.ObjectClass, superior) is not None, str(one)
        for attribute in one.must + one.may:
            assert schema.get_obj(ldap.schema.AttributeType, attribute) is not None, \
                f"{attribute} of {one}"
    connection.unbind_s()


def test_the_schema_knows_all_that_an_entry_shows(admin, instance):
    schema = ldap.schema.SubSchema(admin.read_subschemasubentry_s("cn=subschema"))
    for dn in (instance.dn("anna"), group_dn(instance, "staff"), instance.suffix,
               "ou=people," + instance.suffix, ""):
        entry = read(admin, dn, ["*", "+"])
        for name in entry:
            assert schema.get_obj(ldap.schema.AttributeType, name) is not None, name
        for name in entry["objectClass"]:
            assert schema.get_obj(ldap.schema.ObjectClass, name) is not None, name


# --- large results and controls


def pages(connection, instance, text, size, attributes=("uid",)):
    """The pages that a client gets, each as a list of DNs."""
    control = SimplePagedResultsControl(True, size=size, cookie="")
    out = []
    while True:
        message = connection.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, text, list(attributes),
                                        serverctrls=[control])
        _, data, _, answered = connection.result3(message)
        out.append([dn for dn, _ in data])
        [paged] = [c for c in answered if c.controlType == control.controlType]
        if not paged.cookie:
            return out
        control.cookie = paged.cookie


@pytest.mark.parametrize("size", [1, 7, 500, 5000])
def test_pages_hold_each_entry_once(admin, instance, size):
    text = "(uid=p00*)" if size < 10 else "(uid=p*)"
    found = pages(admin, instance, text, size)
    everybody = [dn for page in found for dn in page]
    assert len(everybody) == len(set(everybody)) == (100 if size < 10 else CROWD)
    assert all(len(page) == size for page in found[:-1])
    assert found[-1] or len(found) == 1


def test_a_page_control_is_answered_wherever_it_is_sent(admin, instance):
    control = SimplePagedResultsControl(True, size=126, cookie="")
    for base, scope in (("", ldap.SCOPE_BASE), ("cn=subschema", ldap.SCOPE_BASE),
                        (instance.dn("anna"), ldap.SCOPE_BASE)):
        message = admin.search_ext(base, scope, "(objectClass=*)", ["1.1"], serverctrls=[control])
        _, data, _, answered = admin.result3(message)
        assert len(data) == 1
        assert [c.cookie for c in answered] == [b""]


def test_a_cookie_of_another_server_is_refused(admin, instance):
    control = SimplePagedResultsControl(True, size=5, cookie=b"not ours")
    control.cookie = b"short"
    with pytest.raises(ldap.UNWILLING_TO_PERFORM):
        admin.search_ext_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=p*)", serverctrls=[control])


def test_manage_dsa_it_may_be_critical(admin, instance):
    control = ManageDSAITControl(criticality=True)
    found = admin.search_ext_s(instance.dn("anna"), ldap.SCOPE_BASE, serverctrls=[control])
    assert len(found) == 1


def test_a_size_limit_that_is_just_enough_is_success(admin, instance):
    found = admin.search_ext_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=anna)", sizelimit=1)
    assert len(found) == 1
    with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
        admin.search_ext_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=p*)", sizelimit=CROWD - 1)
    found = admin.search_ext_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=p*)", sizelimit=CROWD)
    assert len(found) == CROWD


def test_a_search_is_abandoned_and_the_connection_goes_on(admin, instance):
    message = admin.search(instance.suffix, ldap.SCOPE_SUBTREE, "(objectClass=*)")
    admin.abandon(message)
    assert names(admin, instance, "(uid=anna)") == ["anna"]


def test_a_client_that_takes_nothing_holds_up_nobody(admin, instance):
    context = ssl.create_default_context(cafile=instance.dir / "ca.pem")
    with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with context.wrap_socket(raw, server_hostname="localhost") as deaf:
            for number in range(1, 30):
                suffix = instance.suffix.encode()
                search = b"\x04" + bytes([len(suffix)]) + suffix + \
                    b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" \
                    b"\x87\x0bobjectClass\x30\x00"
                op = b"\x63" + bytes([len(search)]) + search
                body = b"\x02\x01" + bytes([number]) + op
                deaf.sendall(b"\x30" + bytes([len(body)]) + body)
            began = time.monotonic()
            for _ in range(20):
                assert names(admin, instance, "(uid=anna)") == ["anna"]
            assert time.monotonic() - began < 5


def test_a_deaf_client_that_listens_again_gets_all(instance, people):
    connection = instance.connect("idm_admin", timeout=60)
    messages = [connection.search(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=p*)")
                for _ in range(5)]
    time.sleep(0.5)
    for message in messages:
        _, found = connection.result(message)
        assert len(found) == CROWD
    connection.unbind_s()


# --- assertions (RFC 4528)


def test_a_change_is_made_only_if_the_entry_is_as_asserted(admin, instance):
    dn, shown = instance.dn("ben"), read(admin, instance.dn("ben"), ["displayName"])
    change = [(ldap.MOD_REPLACE, "displayName", [b"Asserted"])]
    wrong = AssertionControl(True, "(displayName=Somebody Else)")
    right = AssertionControl(True, f"(displayName={shown['displayName'][0]})")
    with pytest.raises(ldap.ASSERTION_FAILED):
        admin.modify_ext_s(dn, change, serverctrls=[wrong])
    assert read(admin, dn, ["displayName"]) == shown
    admin.modify_ext_s(dn, change, serverctrls=[right])
    with pytest.raises(ldap.ASSERTION_FAILED):  # it has done its work
        admin.modify_ext_s(dn, change, serverctrls=[right])
    with pytest.raises(ldap.ASSERTION_FAILED):
        admin.delete_ext_s(dn, serverctrls=[right])
    with pytest.raises(ldap.ASSERTION_FAILED):
        admin.rename_s(dn, "uid=benno", serverctrls=[right])
    with pytest.raises(ldap.ASSERTION_FAILED):
        admin.search_ext_s(dn, ldap.SCOPE_BASE, serverctrls=[right])
    admin.modify_s(dn, [(ldap.MOD_REPLACE, "displayName", [shown["displayName"][0].encode()])])


def test_an_assertion_tells_nothing_that_a_filter_would_not(anonymous, instance):
    dn = instance.dn("anna")
    for text in ("(mail=anna@example.com)", "(!(mail=x))", "(legalname=*)", "(!(legalname=x))"):
        with pytest.raises(ldap.ASSERTION_FAILED):
            anonymous.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["uid"],
                                   serverctrls=[AssertionControl(True, text)])
    found = anonymous.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["uid"],
                                   serverctrls=[AssertionControl(True, "(uid=anna)")])
    assert found == [(dn, {"uid": [b"anna"]})]


def test_ldapmodify_asserts(people, instance):
    def modify(text):
        return instance.run(
            "ldapmodify", "-x", "-H", instance.url, "-D", "idm_admin", "-w",
            instance.passwords["idm_admin"], "-e", f"!assert={text}",
            input=f"dn: {instance.dn('ben')}\nchangetype: modify\nreplace: mail\n"
                  "mail: asserted@example.com\n", env={"LDAPTLS_CACERT": str(instance.dir / "ca.pem")})
    assert modify("(mail=asserted@example.com)").returncode == 122
    assert modify("(!(mail=asserted@example.com))").returncode == 0
    assert modify("(!(mail=asserted@example.com))").returncode == 122


# --- entries read with a change (RFC 4527)


def test_a_change_brings_the_entry_before_and_after_it(admin, instance):
    dn = instance.dn("ben")
    before = read(admin, dn, ["displayName", "mail", "memberOf"])
    message = admin.modify_ext(dn, [(ldap.MOD_REPLACE, "displayName", [b"Read Back"])],
                               serverctrls=[PreReadControl(True, ["displayName", "mail", "memberOf"]),
                                            PostReadControl(True, ["displayName", "entryUUID"])])
    pre, post = (control for control in admin.result3(message)[3])
    assert (pre.dn, post.dn) == (dn, dn)
    assert {name: [value.decode() for value in values]
            for name, values in pre.entry.items()} == before
    assert post.entry["displayName"] == [b"Read Back"] and len(post.entry["entryUUID"]) == 1
    message = admin.add_ext(instance.dn("readback"), [
        ("objectClass", [b"person"]), ("displayName", [b"Read Back"])],
        serverctrls=[PostReadControl(True, ["*", "+"])])
    [post] = admin.result3(message)[3]
    made = read(admin, instance.dn("readback"), ["*", "+"])
    assert {name: [value.decode() for value in values]
            for name, values in post.entry.items()} == made
    message = admin.delete_ext(instance.dn("readback"),
                               serverctrls=[PreReadControl(True, ["uid"])])
    [pre] = admin.result3(message)[3]
    assert (pre.dn, pre.entry) == (instance.dn("readback"), {"uid": [b"readback"]})


def test_a_change_reads_no_more_than_a_search(people, instance):
    connection = instance.connect("anna")
    wanted = ["*", "+", "mail", "radius_secret", "primary_credential", "legalname", "description"]
    message = connection.modify_ext(
        instance.dn("anna"), [(ldap.MOD_ADD, "sshPublicKey", [f"{KEY} other".encode()])],
        serverctrls=[PostReadControl(True, wanted)])
    [post] = connection.result3(message)[3]
    assert {name: [value.decode() for value in values]
            for name, values in post.entry.items()} == read(connection, instance.dn("anna"), wanted)
    connection.unbind_s()


# --- cancel (RFC 3909)


def test_a_search_is_cancelled(admin, instance):
    """With what was found until then, or as a whole where that was faster; both are answered."""
    message = admin.search(instance.suffix, ldap.SCOPE_SUBTREE, "(objectClass=*)")
    try:
        admin.cancel_s(message)
    except ldap.NO_SUCH_OPERATION:
        pass  # it was done
    with pytest.raises(ldap.NO_SUCH_OPERATION):
        admin.cancel_s(12345)
    assert len(admin.search_s(instance.dn("anna"), ldap.SCOPE_BASE)) == 1
