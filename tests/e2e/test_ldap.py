"""LDAPS and ldapi with the clients of other people: ldap-utils and python-ldap."""

import socket
import ssl

import ldap
import ldap.extop
import ldap.filter
import pytest


@pytest.fixture(scope="module")
def people(instance):
    """anna in staff, staff in all; ben in none; carl's window is over."""
    for name, shown in ("anna", "Anna Apfel"), ("ben", "Ben Birne"), ("carl", "Carl Ätna"):
        instance.create_person(name, shown, radius=False)
    instance.ok("person", "update", "anna", "--mail", "anna@example.com", "--legalname",
                "Anna Maria Apfel", name="idm_admin")
    for group in "staff", "everyone":
        instance.ok("group", "create", group, name="idm_admin")
    instance.ok("group", "add_members", "staff", "anna", name="idm_admin")
    instance.ok("group", "add_members", "everyone", "staff", name="idm_admin")


def uids(connection, instance, text, scope=ldap.SCOPE_SUBTREE, base=None):
    found = connection.search_s(base or instance.suffix, scope, text, ["uid"])
    return sorted(entry["uid"][0].decode() for _, entry in found if entry.get("uid"))


# --- who am I


def test_whoami_names_the_account(instance, people):
    done = instance.ldapwhoami(name="anna")
    assert (done.returncode, done.stdout) == (0, "u:anna@idm.example.com\n"), done.stderr


@pytest.mark.parametrize("form", [
    "anna", "anna@idm.example.com", "ANNA", "uid=anna,ou=people,{suffix}", "UID=Anna, OU=People, {suffix}",
    "uid=anna,{suffix}", "name=anna,{suffix}", "cn=anna,{suffix}", "name=anna",
    "spn=anna@idm.example.com,{suffix}", "mail=anna@example.com,{suffix}", r"uid=\61nna,{suffix}",
])
def test_binds_by_every_form_of_a_name(instance, people, form):
    connection = instance.connect(form.format(suffix=instance.suffix), instance.passwords["anna"])
    assert connection.whoami_s() == "u:anna@idm.example.com"
    connection.unbind_s()


def test_binds_by_uuid(instance, admin):
    [(_, entry)] = admin.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=anna)", ["entryUUID"])
    uuid = entry["entryUUID"][0].decode()
    for form in uuid, f"uuid={uuid},{instance.suffix}":
        assert instance.can_bind(form, instance.passwords["anna"])


def test_the_local_socket_serves_the_same(instance, people):
    done = instance.ldapwhoami(name="anna", url=instance.ldapi)
    assert done.stdout == "u:anna@idm.example.com\n"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_serves_tls_1_2_and_1_3(instance, version):
    context = ssl.create_default_context(cafile=instance.dir / "ca.pem")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", instance.ldaps_port), 10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as s:
            assert s.version() == version.name.replace("_", ".")


# --- search


def test_root_dse_is_read_by_all(instance):
    connection = instance.connect()
    [(dn, entry)] = connection.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["*", "+"])
    assert dn == ""
    assert entry["namingContexts"] == [instance.suffix.encode()]
    assert entry["supportedLDAPVersion"] == [b"3"]
    assert b"1.3.6.1.4.1.4203.1.11.3" in entry["supportedExtension"]
    connection.unbind_s()


def test_finds_an_entry_at_its_dn(admin, instance):
    dn = instance.dn("anna")
    [(found, entry)] = admin.search_s(dn, ldap.SCOPE_BASE)
    assert found == dn
    assert entry["uid"] == [b"anna"]
    assert entry["displayName"] == [b"Anna Apfel"]
    assert entry["mail"] == [b"anna@example.com"]
    assert {b"person", b"inetOrgPerson"} <= set(entry["objectClass"])


FILTERS = {
    "(uid=anna)": ["anna"],
    "(UID=ANNA)": ["anna"],
    "(name=anna)": ["anna"],
    "(spn=anna@idm.example.com)": ["anna"],
    "(displayname=anna apfel)": ["anna"],
    "(displayname=Carl Ätna)": ["carl"],
    "(mail=ANNA@example.com)": ["anna"],
    "(&(objectClass=person)(uid=an*))": ["anna"],
    "(&(objectClass=person)(uid=*nn*))": ["anna"],
    "(&(objectClass=person)(displayname=*birne))": ["ben"],
    "(&(objectClass=person)(displayname=b*n*ne))": ["ben"],
    "(&(class=person)(!(uid=anna)))": ["ben", "carl"],
    "(&(objectClass=person)(|(uid=ben)(uid=carl)(uid=nobody-here)))": ["ben", "carl"],
    "(&(objectClass=person)(mail=*))": ["anna"],
    "(&(objectClass=person)(!(mail=*)))": ["ben", "carl"],
    "(memberof=staff)": ["anna"],
    "(&(class=person)(memberof=everyone))": ["anna"],
    "(memberOf=cn=staff,ou=groups,{suffix})": ["anna"],
    "(no-such-attribute=x)": [],
    "(!(no-such-attribute=x))": [],
    "(|(no-such-attribute=x)(uid=ben))": ["ben"],
    "(&(uid=anna)(uid=ben))": [],
    "(&)": None,
    "(|)": [],
}


@pytest.mark.parametrize("text,expected", FILTERS.items(), ids=FILTERS.keys())
def test_filters(admin, instance, text, expected):
    found = uids(admin, instance, text.format(suffix=instance.suffix))
    if expected is None:
        assert {"anna", "ben", "carl"} <= set(found)
    else:
        assert found == expected


def test_an_escaped_filter_value_is_a_value(admin, instance):
    assert uids(admin, instance, ldap.filter.filter_format("(uid=%s)", ["*"])) == []


def test_scopes(admin, instance):
    people = "ou=people," + instance.suffix
    assert {"anna", "ben", "carl"} <= set(uids(admin, instance, "(objectClass=*)",
                                               ldap.SCOPE_ONELEVEL, people))
    assert uids(admin, instance, "(uid=anna)", ldap.SCOPE_ONELEVEL) == []
    assert uids(admin, instance, "(uid=anna)", ldap.SCOPE_BASE, people) == []
    found = admin.search_s(instance.suffix, ldap.SCOPE_ONELEVEL, "(objectClass=*)", ["1.1"])
    assert {f"ou={c},{instance.suffix}" for c in ("people", "groups", "services")} <= \
        {dn for dn, _ in found}


def test_a_base_that_is_not_there(admin, instance):
    for base in "uid=nobody-here,ou=people," + instance.suffix, "dc=elsewhere":
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            admin.search_s(base, ldap.SCOPE_BASE)
    with pytest.raises(ldap.INVALID_DN_SYNTAX):
        admin.search_s("=", ldap.SCOPE_BASE)


def test_attributes_are_those_asked_for(admin, instance):
    dn = instance.dn("anna")
    def names(wanted):
        [(_, entry)] = admin.search_s(dn, ldap.SCOPE_BASE, attrlist=wanted)
        return {name.lower() for name in entry}
    assert names(["1.1"]) == set()
    assert names(["uid", "no-such-attribute"]) == {"uid"}
    assert "entryuuid" not in names(["*"])
    assert {"entryuuid", "memberof"} <= names(["+"])
    assert {"entryuuid", "uid"} <= names(["*", "+"])
    [(_, entry)] = admin.search_s(dn, ldap.SCOPE_BASE, attrlist=["uid"], attrsonly=1)
    assert entry == {"uid": []}


def test_memberof_goes_through_nested_groups(admin, instance):
    [(_, entry)] = admin.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=anna)", ["memberof"])
    found = {value.decode() for value in entry["memberof"]}
    assert {f"cn={g},ou=groups,{instance.suffix}" for g in ("staff", "everyone")} <= found


def test_the_size_limit_gives_what_was_found(admin, instance):
    got = []
    message = admin.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, "(objectClass=person)", ["uid"],
                               sizelimit=2)
    with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
        while True:
            kind, data, *_ = admin.result4(message, all=0)
            got += data
            if kind == ldap.RES_SEARCH_RESULT:
                break
    assert len(got) == 2


def test_many_requests_on_one_connection_are_all_answered(admin, instance):
    messages = [admin.search(instance.suffix, ldap.SCOPE_SUBTREE, f"(uid={name})", ["uid"])
                for name in ("anna", "ben", "carl") * 30]
    for message in messages:
        kind, found = admin.result(message)
        assert len(found) == 1


# --- who may see what


def test_anonymous_sees_names_and_no_personal_data(anonymous, instance):
    [(_, entry)] = anonymous.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=anna)", ["*", "+"])
    assert entry["displayName"] == [b"Anna Apfel"]
    assert "memberOf" in entry or "memberof" in {name.lower() for name in entry}
    lower = {name.lower() for name in entry}
    assert not lower & {"mail", "legalname", "account_expire", "account_valid_from"}


@pytest.mark.parametrize("text", [
    "(mail=anna@example.com)", "(mail=*)", "(!(mail=anna@example.com))",
    "(&(uid=anna)(!(mail=nobody@example.com)))", "(mail=anna*)",
])
def test_a_filter_on_what_may_not_be_seen_finds_nobody_else(anonymous, instance, text):
    """anonymous may see its own mail, that is, that it has none."""
    assert set(uids(anonymous, instance, text)) <= {"anonymous"}


def test_a_filter_with_such_a_term_still_finds_by_the_others(anonymous, instance):
    assert uids(anonymous, instance, "(|(uid=anna)(mail=anna@example.com))") == ["anna"]


def test_a_person_sees_its_own_data_and_nobody_else_s(instance, people):
    connection = instance.connect("anna")
    [(_, entry)] = connection.search_s(instance.dn("anna"), ldap.SCOPE_BASE)
    assert entry["mail"] == [b"anna@example.com"]
    connection.unbind_s()
    connection = instance.connect("ben")
    [(_, entry)] = connection.search_s(instance.dn("anna"), ldap.SCOPE_BASE)
    assert "mail" not in entry
    connection.unbind_s()


@pytest.mark.parametrize("attribute", ["userPassword", "primary_credential", "radius_secret"])
def test_nobody_reads_a_secret(admin, instance, attribute):
    instance.ok("account", "radius", "generate_secret", "anna", name="idm_admin")
    out = instance.ok("account", "radius", "show_secret", "anna", name="idm_admin")
    secret = out.split(": ", 1)[1].strip()
    [(_, entry)] = admin.search_s(instance.dn("anna"), ldap.SCOPE_BASE, attrlist=[attribute, "*", "+"])
    values = b" ".join(value for many in entry.values() for value in many)
    assert secret.encode() not in values
    assert b"argon2" not in values.lower()
    assert entry.get(attribute, [b"set"]) in ([b"set"], [b"not set"])


# --- compare and changes


def test_compare(admin, instance):
    dn = instance.dn("anna")
    assert admin.compare_s(dn, "uid", b"ANNA") is True
    assert admin.compare_s(dn, "uid", b"ben") is False
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        admin.compare_s(instance.dn("nobody-here"), "uid", b"x")


def test_compare_tells_anonymous_nothing_about_mail(anonymous, instance):
    answers = []
    for value in b"anna@example.com", b"someone@example.com":
        try:
            answers.append(anonymous.compare_s(instance.dn("anna"), "mail", value))
        except ldap.LDAPError as error:
            answers.append(type(error))
    assert answers[0] == answers[1] and answers[0] is not True


def test_a_group_is_made_changed_and_deleted(admin, instance):
    dn = f"cn=readers,ou=groups,{instance.suffix}"
    admin.add_s(dn, [("objectClass", [b"group"]), ("cn", [b"readers"])])
    admin.modify_s(dn, [(ldap.MOD_ADD, "member", [instance.dn("anna").encode(), b"ben"])])
    [(_, entry)] = admin.search_s(dn, ldap.SCOPE_BASE)
    assert {v.decode() for v in entry["member"]} == {instance.dn("anna"), instance.dn("ben")}
    admin.modify_s(dn, [(ldap.MOD_DELETE, "member", [b"anna"])])
    [(_, entry)] = admin.search_s(dn, ldap.SCOPE_BASE)
    assert entry["member"] == [instance.dn("ben").encode()]
    admin.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"who may read"])])
    admin.delete_s(dn)
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        admin.search_s(dn, ldap.SCOPE_BASE)


def test_result_codes_of_refused_changes(admin, instance):
    def add(name, **more):
        attributes = [("objectClass", [b"person"]), ("uid", [name.encode()]),
                      ("displayname", [b"Someone"])]
        admin.add_s(instance.dn(name), attributes + [(k, [v]) for k, v in more.items()])
    with pytest.raises(ldap.ALREADY_EXISTS):
        add("anna")
    with pytest.raises((ldap.INVALID_SYNTAX, ldap.NAMING_VIOLATION)):
        add("no spaces please")
    with pytest.raises(ldap.UNDEFINED_TYPE):
        add("dora", no_such_attribute=b"x")
    with pytest.raises(ldap.CONSTRAINT_VIOLATION):
        add("dora", mail=b"anna@example.com")
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        admin.delete_s(instance.dn("nobody-here"))
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        admin.delete_s(f"cn=idm_admins,ou=groups,{instance.suffix}")
    with pytest.raises(ldap.CONSTRAINT_VIOLATION):
        admin.modify_s(f"cn=staff,ou=groups,{instance.suffix}",
                       [(ldap.MOD_ADD, "member", [b"nobody-here"])])


def test_a_person_may_change_its_displayname_and_not_its_groups(instance, people):
    connection = instance.connect("ben")
    connection.modify_s(instance.dn("ben"), [(ldap.MOD_REPLACE, "displayname", [b"Benjamin"])])
    for change in (ldap.MOD_ADD, "memberof", [b"staff"]), \
            (ldap.MOD_REPLACE, "account_expire", [b"2100-01-01T00:00:00Z"]):
        with pytest.raises((ldap.INSUFFICIENT_ACCESS, ldap.NO_SUCH_OBJECT)):
            connection.modify_s(instance.dn("ben"), [change])
    with pytest.raises((ldap.INSUFFICIENT_ACCESS, ldap.NO_SUCH_OBJECT)):
        connection.modify_s(f"cn=staff,ou=groups,{instance.suffix}",
                            [(ldap.MOD_ADD, "member", [b"ben"])])
    connection.modify_s(instance.dn("ben"), [(ldap.MOD_REPLACE, "displayname", [b"Ben Birne"])])
    connection.unbind_s()


def test_anonymous_changes_nothing(anonymous, instance):
    with pytest.raises((ldap.INSUFFICIENT_ACCESS, ldap.NO_SUCH_OBJECT)):
        anonymous.modify_s(instance.dn("ben"), [(ldap.MOD_REPLACE, "displayname", [b"X"])])
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        anonymous.add_s(instance.dn("eve"), [("objectClass", [b"person"]), ("uid", [b"eve"]),
                                             ("displayname", [b"Eve"])])


# --- extended operations and controls


def test_start_tls_is_refused(instance):
    connection = instance.connect()
    with pytest.raises(ldap.LDAPError):
        connection.extop_s(ldap.extop.ExtendedRequest("1.3.6.1.4.1.1466.20037", None))
    connection.unbind_s()


def test_an_unknown_extended_operation_is_refused(instance):
    connection = instance.connect()
    with pytest.raises(ldap.PROTOCOL_ERROR):
        connection.extop_s(ldap.extop.ExtendedRequest("1.2.3.4.5", None))
    assert connection.whoami_s() in ("", "u:anonymous@idm.example.com")
    connection.unbind_s()


def test_an_unknown_critical_control_is_refused_and_an_uncritical_one_ignored(instance, people):
    from ldap.controls import RequestControl
    connection = instance.connect("", "")
    for critical in True, False:
        control = RequestControl("1.2.3.4.5", critical, b"")
        def search():
            return connection.search_ext_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=anna)",
                                           serverctrls=[control])
        if critical:
            with pytest.raises(ldap.UNAVAILABLE_CRITICAL_EXTENSION):
                search()
        else:
            assert len(search()) == 1
    connection.unbind_s()
