"""Access control as clients meet it: profiles over LDAP and `kanidm system access`, effective
rights, what refusals say and what the log keeps of them, and that nothing leaks."""

import json

import ldap
import ldap.extop
import ldap.schema
import pytest
from ldap.controls import SimplePagedResultsControl
from ldap.controls.sss import SSSRequestControl

SECRET = "zora@example.org"
EXPLAIN = "2.25.123209621810078090685772533944019847912.10"


@pytest.fixture(scope="module")
def people(instance):
    for name in ("anna", "ben", "desk"):
        instance.create_person(name, name.title(), radius=name == "anna")
    instance.ok("account", "update", "anna", "--legalname", "Zora Zufall", "--mail", SECRET,
                name="idm_admin")
    instance.ok("group", "create", "team", name="idm_admin")
    instance.ok("group", "create", "vips", name="idm_admin")
    instance.login("admin")
    instance.ok("group", "add_members", "idm_service_desk", "desk", "--yes", name="admin")
    instance.ok("group", "add_members", "idm_high_privilege", "vips", "--yes", name="admin")
    for name in ("ben", "desk", "anna"):
        instance.login(name)


@pytest.fixture
def ben(instance, people):
    connection = instance.connect("ben")
    yield connection
    connection.unbind_s()


def system(instance, *args, name="admin", **options):
    return instance.kanidm("system", "access", *args, name=name, **options)


def done(instance, *args, name="admin"):
    result = system(instance, *args, name=name)
    assert result.returncode == 0, result.stderr
    return result.stdout


# --- profiles


def test_profiles_are_listed_for_who_manages_them(instance, people):
    out = done(instance, "list")
    line = next(line for line in out.splitlines() if line.startswith("people_write "))
    assert line.split() == ["people_write", "enabled", "idm_people_write_priv", "on",
                            "(class=person)"]
    profiles = json.loads(done(instance, "list", "-o", "json"))
    names = [profile["name"][0] for profile in profiles]
    assert names == sorted(names) and {"all_read", "hp_group_manage", "entry_manager_group"} < set(names)
    other = system(instance, "list", name="ben")
    assert (other.returncode, other.stdout) == (0, "")
    assert "idm_acp_manage_priv" in other.stderr


def test_a_profile_is_shown_with_all_it_says(instance, people):
    profile = json.loads(done(instance, "get", "service_desk", "-o", "json"))
    assert profile["acp_receiver"] == ["idm_service_desk"]
    assert profile["acp_target"] == ["(class=person)"]
    assert "primary_credential" in profile["acp_modify_present"]
    assert profile["dn"] == f"cn=service_desk,ou=access,{instance.suffix}"
    missing = system(instance, "get", "no_such_profile")
    assert missing.returncode == 1 and "no matching entries" in missing.stderr
    hidden = system(instance, "get", "service_desk", name="ben")
    assert hidden.returncode == 1 and "no matching entries" in hidden.stderr


def test_a_profile_is_added_changed_disabled_enabled_and_deleted(instance, people):
    shell = ["loginshell"]
    done(instance, "create", "shells", "receiver=idm_service_desk", "target=(class=person)",
         "write=loginshell,homedirectory", "description=shells of persons")
    instance.ok("group", "create", "posix_people", name="idm_admin")
    modify = [(ldap.MOD_REPLACE, "displayname", [b"Anna"])]
    desk = instance.connect("desk")
    anna = instance.dn("anna")
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        desk.modify_s(anna, modify)
    done(instance, "update", "shells", "write+=displayname", "search=displayname")
    profile = json.loads(done(instance, "get", "shells", "-o", "json"))
    assert sorted(profile["acp_modify_present"]) == ["displayname", "homedirectory", *shell]
    assert profile["description"] == ["shells of persons"]
    desk.modify_s(anna, modify)
    done(instance, "disable", "shells")
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        desk.modify_s(anna, modify)
    assert "disabled" in [line.split()[1] for line in done(instance, "list").splitlines()
                          if line.startswith("shells ")]
    done(instance, "enable", "shells")
    desk.modify_s(anna, modify)
    done(instance, "update", "shells", "write-=displayname", "hp=also")
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        desk.modify_s(anna, modify)
    done(instance, "delete", "shells")
    assert system(instance, "get", "shells").returncode == 1
    desk.unbind_s()


@pytest.mark.parametrize("args, words", [
    (["create", "p1", "receiver=team", "target=(class=person)", "write=mail"],
     "must be high privilege"),
    (["create", "p1", "receiver=idm_admins", "target=(class=person", "write=mail"], "filter"),
    (["create", "p1", "receiver=idm_admins", "target=(class=person)", "write=memberof"],
     "memberof"),
    (["create", "p1", "receiver=idm_admins", "target=(class=person)", "search=shoesize"],
     "shoesize"),
    (["create", "p1", "receiver=nobody_here", "target=(class=person)"], "nobody_here"),
    (["create", "all_read", "receiver=idm_admins", "target=(class=person)"], "is taken"),
    (["update", "all_read", "write=mail"], "must be high privilege"),
    (["delete", "all_read"], "system protected object"),
])
def test_a_profile_that_may_not_be_is_refused_in_one_line(instance, people, args, words):
    result = system(instance, *args)
    assert result.returncode == 1
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_wrong_keys_are_misuse(instance, people):
    for args in (["create", "p1", "sarch=mail"], ["create", "p1", "mail"], ["update", "p1", "=x"],
                 ["create", "p1"], ["explain", "anna"]):
        assert system(instance, *args).returncode == 2


def test_profiles_stand_at_ou_access(instance, people, ben):
    admin = instance.connect("admin")
    base = f"ou=access,{instance.suffix}"
    container = admin.search_s(base, ldap.SCOPE_BASE, attrlist=["ou", "hasSubordinates"])
    assert container[0][1] == {"ou": [b"access"], "hasSubordinates": [b"TRUE"]}
    found = admin.search_s(base, ldap.SCOPE_ONELEVEL, "(name=all_read)", ["cn"])
    assert found == [(f"cn=all_read,{base}", {"cn": [b"all_read"]})]
    dn = f"cn=over_ldap,{base}"
    admin.add_s(dn, [("acp_receiver", [b"cn=idm_admins,ou=groups," + instance.suffix.encode()]),
                     ("acp_target", [b"(memberof=team)"]), ("acp_search", [b"description"])])
    target = admin.search_s(dn, ldap.SCOPE_BASE, attrlist=["acp_target"])[0][1]["acp_target"][0]
    uuid = admin.search_s(f"cn=team,ou=groups,{instance.suffix}", ldap.SCOPE_BASE,
                          attrlist=["uuid"])[0][1]["uuid"][0]
    assert target == b"(memberof=" + uuid + b")"  # whoever is called so later
    admin.rename_s(dn, "cn=renamed")
    admin.delete_s(f"cn=renamed,{base}")
    for where in (base, f"cn=all_read,{base}"):
        for scope in (ldap.SCOPE_BASE, ldap.SCOPE_ONELEVEL, ldap.SCOPE_SUBTREE):
            with pytest.raises(ldap.NO_SUCH_OBJECT):
                ben.search_s(where, scope)
    admin.unbind_s()


# --- effective rights


def explain(instance, actor, target, name="admin"):
    return json.loads(done(instance, "explain", actor, target, "-o", "json", name=name))


def test_rights_are_explained_by_profile_and_group(instance, people):
    answer = explain(instance, "desk", "anna")
    assert (answer["actor"], answer["target"]) == ("desk@idm.example.com", "anna@idm.example.com")
    assert answer["attributes"]["primary_credential"] == {
        right: [{"profile": "service_desk", "through": ["idm_service_desk"]}]
        for right in ("search", "add", "remove")}
    assert [s["profile"] for s in answer["attributes"]["displayname"]["search"]] == [
        "all_read", "service_desk"]
    assert "mail" not in answer["attributes"]
    assert answer["delete"] == [] and answer["classes"] == {}
    answer = explain(instance, "idm_admin", "anna")
    assert answer["delete"] == [{"profile": "people_manage", "through": ["idm_people_manage_priv"]}]
    assert "posixaccount" in answer["classes"]
    answer = explain(instance, "idm_admin", "vips")
    assert answer["high_privilege"] and answer["delete"] == []
    answer = explain(instance, "admin", "idm_admin")
    assert answer["built_in"] and answer["high_privilege"]
    assert explain(instance, "ben", "cn=all_read,ou=access")["attributes"] == {}
    everybody = explain(instance, "anonymous", "anna")["attributes"]
    assert all(list(rights) == ["search"] for rights in everybody.values())


def test_what_is_explained_is_what_is_so(instance, people):
    for name in ("desk", "ben", "idm_admin"):
        connection = instance.connect(name)
        rights = explain(instance, name, "anna")["attributes"]
        for attribute, value in (("displayname", b"Anna"), ("mail", b"zora@example.org"),
                                 ("description", b"x"), ("account_expire", b"")):
            change = [(ldap.MOD_REPLACE, attribute, [value] if value else None)]
            right = "add" if value else "remove"
            try:
                connection.modify_s(instance.dn("anna"), change)
                may = True
            except ldap.INSUFFICIENT_ACCESS:
                may = False
            assert may == (right in rights.get(attribute, {})), (name, attribute)
        connection.unbind_s()
    instance.ok("account", "update", "anna", "--mail", SECRET, name="idm_admin")


def test_everybody_asks_about_himself_and_nobody_else_about_others(instance, people):
    own = explain(instance, "ben", "ben", name="ben")
    assert "add" in own["attributes"]["displayname"]
    assert "legalname" not in explain(instance, "ben", "anna", name="ben")["attributes"]
    for args in (["anna", "ben"], ["no_such_account", "ben"], ["admin", "admin"]):
        other = system(instance, "explain", *args, name="ben")
        assert other.returncode == 1
        assert "idm_acp_manage_priv grants it" in other.stderr
    hidden = system(instance, "explain", "ben", "cn=all_read,ou=access", name="ben")
    absent = system(instance, "explain", "ben", "cn=none_read,ou=access", name="ben")
    assert hidden.returncode == absent.returncode == 1
    assert hidden.stderr == absent.stderr
    anonymous = system(instance, "explain", "anonymous", "anna", name="anonymous")
    assert anonymous.returncode == 1


@pytest.mark.parametrize("value", [
    None, b"", b"\x30\x00", b"\x30\x03\x04\x01a", b"\x30\x06\x04\x01a\x04\x7fb", b"\x04\x01a",
    b"\x30\x09\x04\x01a\x04\x01b\x04\x01c", b"\x30\x80\x04\x01a\x04\x01b\x00\x00",
    b"\x30\x06\x02\x01\x01\x04\x01b",
])
def test_a_question_that_does_not_decode_is_a_protocol_error(ben, value):
    with pytest.raises(ldap.PROTOCOL_ERROR):
        ben.extop_s(ldap.extop.ExtendedRequest(EXPLAIN, value))


@pytest.mark.parametrize("actor, target", [
    (b"ben", b"\xff\xfe"), (b"ben", b""), (b"ben", b"=,=,"), (b"ben", b"x" * 5000),
    (b"ben", b"uid=ben\x00,ou=people"), (b"", b"no_such_entry"),
])
def test_a_strange_target_is_just_not_there(ben, actor, target):
    def octets(value):
        length = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
        return length + value
    value = b"\x30" + octets(b"\x04" + octets(actor) + b"\x04" + octets(target))
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        ben.extop_s(ldap.extop.ExtendedRequest(EXPLAIN, value))


def test_an_explanation_reads_well(instance, people):
    out = done(instance, "explain", "desk", "anna")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["desk@idm.example.com", "on", "anna@idm.example.com"]
    assert ["primary_credential", "search", "add", "remove", "service_desk",
            "(idm_service_desk)"] in lines
    assert ["uuid", "search", "all_read", "(idm_all_accounts),", "service_desk",
            "(idm_service_desk)"] in lines
    nothing = done(instance, "explain", "ben", "cn=all_read,ou=access")
    assert "nothing" in nothing
    assert "built in" in done(instance, "explain", "admin", "idm_admin")


# --- refusals


def test_a_refusal_names_the_right_and_the_group(instance, people):
    refused = instance.kanidm("account", "update", "anna", "--mail", "x@example.org", name="ben")
    assert refused.returncode == 1
    assert "needs the right to" in refused.stderr
    assert "idm_people_write_priv grants it" in refused.stderr


def last_warning(instance, words):
    lines = [line for line in instance.ldapd.text().splitlines() if words in line]
    assert lines, f"no line of the log says {words}"
    return lines[-1]


@pytest.mark.parametrize("actor, args, reason", [
    ("desk", ["account", "credential", "generate-pw", "idm_admin"], "idm_hp_account_write_priv"),
    ("idm_admin", ["group", "add_members", "idm_admins", "team", "--yes"],
     "idm_hp_group_write_priv"),
    ("idm_admin", ["group", "add_members", "vips", "ben", "--yes"], "idm_hp_group_write_priv"),
    ("idm_admin", ["group", "delete", "vips"], "idm_hp_group_manage_priv"),
    ("ben", ["account", "update", "ben", "--newname", "root"], "is denied here"),
    ("ben", ["account", "update", "ben", "--newname", "admin"], "is taken"),
    ("idm_admin", ["account", "update", "ben", "--mail", "anna@idm.example.com"],
     "is the spn of another"),
])
def test_an_attempt_to_get_more_fails_and_is_logged(instance, people, actor, args, reason):
    refused = instance.kanidm(*args, name=actor)
    assert refused.returncode == 1
    assert reason in refused.stderr
    line = last_warning(instance, "refused: ")
    assert "warning" in line and reason in line
    assert f"{actor}@idm.example.com from ldapi" in line


def test_the_log_names_the_target_and_no_secret(instance, people):
    ben = instance.connect("ben")
    with pytest.raises(ldap.LDAPError):
        ben.passwd_s(instance.dn("anna"), None, "correct horse battery staple 43")
    with pytest.raises(ldap.LDAPError):
        ben.modify_s(instance.dn("anna"), [(ldap.MOD_ADD, "memberof", [b"idm_admins"])])
    line = last_warning(instance, "refused: ")
    assert f'modify of "{instance.dn("anna")}"' in line and "memberof" in line
    assert "staple" not in instance.ldapd.text()
    ben.unbind_s()


@pytest.mark.parametrize("attribute, value", [
    ("memberof", b"idm_admins"), ("spn", b"admin@idm.example.com"), ("class", b"service_account"),
    ("uuid", b"00000000-0000-0000-0000-000000000000"), ("directmemberof", b"idm_admins"),
])
@pytest.mark.parametrize("how", [ldap.MOD_ADD, ldap.MOD_DELETE, ldap.MOD_REPLACE])
def test_nobody_writes_what_he_is(ben, instance, attribute, value, how):
    with pytest.raises((ldap.INSUFFICIENT_ACCESS, ldap.CONSTRAINT_VIOLATION,
                        ldap.NO_SUCH_ATTRIBUTE)):
        ben.modify_s(instance.dn("ben"), [(how, attribute, [value])])


# --- leaks


HIDDEN = [("mail", SECRET), ("mail", "zora*"), ("legalname", "Zora Zufall"), ("sn", "Zufall"),
          ("givenName", "Zora"), ("radius_secret", "*"), ("primary_credential", "*"),
          ("mail;primary", SECRET), ("account_expire", "*"), ("nsAccountLock", "FALSE"),
          ("entryDN", "mail=zora@example.org,ou=people,dc=idm,dc=example,dc=com")]


def presence(connection, attribute):
    """libldap takes no `_` in `(name=*)`, as RFC 4512 has none in a name: the OID says the same."""
    schema = ldap.schema.SubSchema(connection.read_subschemasubentry_s("cn=subschema"))
    return f"({schema.get_obj(ldap.schema.AttributeType, attribute).oid}=*)"


@pytest.fixture(params=["anonymous", "ben"])
def stranger(request, instance, people):
    connection = (instance.connect("", "") if request.param == "anonymous"
                  else instance.connect("ben"))
    yield connection
    connection.unbind_s()


@pytest.mark.parametrize("attribute, value", HIDDEN)
def test_a_filter_on_what_one_may_not_search_finds_nothing(instance, stranger, attribute, value):
    term = presence(stranger, attribute) if value == "*" else f"({attribute}={value})"
    for text in (term, f"(&(uid=anna){term})", f"(&(uid=anna)(!{term}))",
                 f"(&(uid=anna)(!(!{term})))"):
        if attribute == "entryDN" and "!" in text:
            continue  # the entry is called otherwise: that is true
        found = stranger.search_s(instance.suffix, ldap.SCOPE_SUBTREE, text, ["uid"])
        assert [dn for dn, _ in found if dn.startswith("uid=anna")] == []
    found = stranger.search_s(instance.suffix, ldap.SCOPE_SUBTREE, f"(|(uid=anna){term})", ["uid"])
    assert instance.dn("anna") in [dn for dn, _ in found]


def test_nobody_is_found_by_an_address_that_one_may_not_search(instance, stranger):
    for base in (f"mail={SECRET},{instance.suffix}", f"mail={SECRET},ou=people,{instance.suffix}",
                 f"mail=nobody@example.org,{instance.suffix}"):
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            stranger.search_s(base, ldap.SCOPE_BASE)
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            stranger.compare_s(base, "uid", b"anna")
    admin = instance.connect("idm_admin")
    found = admin.search_s(f"mail={SECRET},{instance.suffix}", ldap.SCOPE_BASE)
    assert found[0][0] == instance.dn("anna")
    admin.unbind_s()


def test_compare_does_not_tell_what_is_hidden_from_what_is_not_there(instance, stranger):
    for attribute in ("mail", "legalname", "radius_secret", "primary_credential", "description"):
        for value in (SECRET.encode(), b"Zora Zufall", b"set", b"other"):
            with pytest.raises(ldap.NO_SUCH_ATTRIBUTE):
                stranger.compare_s(instance.dn("anna"), attribute, value)


def test_pages_and_size_limits_count_what_one_may_see_alone(instance, stranger):
    def pages(text):
        control = SimplePagedResultsControl(True, size=1, cookie="")
        sizes = []
        while True:
            request = stranger.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, text, ["uid"],
                                          serverctrls=[control])
            _, found, _, controls = stranger.result3(request)
            sizes.append(len(found))
            control.cookie = controls[0].cookie
            if not control.cookie:
                return sizes
    assert pages("(legalname=Zora*)") == [0]
    assert pages(presence(stranger, "radius_secret")) == [0]
    assert sum(pages("(|(uid=anna)(mail=z*))")) == 1
    request = stranger.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, "(legalname=*)", ["uid"],
                                  sizelimit=1)
    assert stranger.result3(request)[1] == []


def test_types_only_names_no_hidden_attribute(instance, stranger):
    found = stranger.search_ext_s(instance.dn("anna"), ldap.SCOPE_BASE, "(objectClass=*)",
                                  ["*", "+", "mail", "radius_secret", "legalname",
                                   "primary_credential"], attrsonly=1)
    assert not {name.lower() for name in found[0][1]} & {
        "mail", "radius_secret", "legalname", "primary_credential", "sshpublickey"}


@pytest.mark.parametrize("attribute", sorted({attribute for attribute, _ in HIDDEN} - {"entryDN"}))
def test_a_hidden_attribute_moves_nobody_in_an_order(instance, stranger, attribute):
    """Sorted by it everybody stands where he would without it, forwards and backwards."""
    def order(connection, *keys):
        message = connection.search_ext("ou=people," + instance.suffix, ldap.SCOPE_ONELEVEL,
                                        "(|(uid=anna)(uid=desk))", ["uid"],
                                        serverctrls=[SSSRequestControl(True, list(keys))])
        return [entry["uid"][0] for _, entry in connection.result3(message)[1]]
    for second, expected in ("uid", [b"anna", b"desk"]), ("-uid", [b"desk", b"anna"]):
        if attribute in ("sn", "givenName"):
            continue  # of the displayname, which everybody may search
        assert order(stranger, attribute, second) == expected
        assert order(stranger, "-" + attribute, second) == expected
    if attribute in ("mail", "radius_secret", "legalname"):
        admin = instance.connect("idm_admin")
        assert order(admin, attribute, "-uid") == [b"anna", b"desk"]
        assert order(admin, "-" + attribute, "uid") == [b"desk", b"anna"]
        admin.unbind_s()


def refusal(call, *args):
    try:
        call(*args)
    except ldap.LDAPError as error:
        return type(error).__name__, {key: value for key, value in error.args[0].items()
                                      if key not in ("msgid", "msgtype")}
    raise AssertionError("it was not refused")


def test_what_one_may_not_see_is_refused_as_what_is_not_there(instance, stranger):
    """Whatever is asked, and however it is wrong."""
    there = [f"uuid=00000000-0000-0000-0000-000000f00002,{instance.suffix}",
             f"uuid=00000000-0000-0000-0000-0000ac000004,{instance.suffix}",
             f"cn=all_read,ou=access,{instance.suffix}"]
    absent = [f"uuid=00000000-0000-0000-0000-000000f0ffff,{instance.suffix}",
              f"uuid=00000000-0000-0000-0000-0000ac00ffff,{instance.suffix}",
              f"cn=some_read,ou=access,{instance.suffix}"]
    calls = [
        lambda dn: stranger.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"x"])]),
        lambda dn: stranger.modify_s(dn, [(ldap.MOD_REPLACE, "shoesize", [b"44"])]),
        lambda dn: stranger.modify_s(dn, [(ldap.MOD_REPLACE, "entryUUID", [b"x"])]),
        lambda dn: stranger.modify_s(dn, [(ldap.MOD_ADD, "entry_managed_by", [b"=,=,"])]),
        lambda dn: stranger.modify_s(dn, [(ldap.MOD_INCREMENT, "gidnumber", [b"1"])]),
        lambda dn: stranger.delete_s(dn),
        lambda dn: stranger.rename_s(dn, "cn=other"),
        lambda dn: stranger.rename_s(dn, "ou=other"),
        lambda dn: stranger.search_s(dn, ldap.SCOPE_BASE),
        lambda dn: stranger.search_s(dn, ldap.SCOPE_SUBTREE),
        lambda dn: stranger.compare_s(dn, "class", b"object"),
        lambda dn: stranger.passwd_s(dn, None, "correct horse battery staple"),
    ]
    for call in calls:
        for hidden, gone in zip(there, absent):
            assert refusal(call, hidden) == refusal(call, gone)
