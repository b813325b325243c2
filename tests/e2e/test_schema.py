"""Attributes and classes of administrators: with OpenLDAP's tools, and with `kanidm system schema`."""

import json

import ldap
import ldap.schema
import pytest


@pytest.fixture(scope="module", autouse=True)
def admin_session(instance):
    instance.login("admin")
    instance.create_person("anna", "Anna Apfel", radius=False)
    instance.create_person("ben", "Ben Birne", radius=False)


def tool(instance, name, *args, by="admin", ldif=None):
    """ldapadd and the like, bound as `by`."""
    return instance.run(name, "-x", "-H", instance.url, "-D", by, "-w", instance.passwords[by],
                        *args, input=ldif or "", env={"LDAPTLS_CACERT": str(instance.dir / "ca.pem")})


def add(instance, ldif, **options):
    return tool(instance, "ldapadd", ldif=ldif.replace("SUFFIX", instance.suffix), **options)


def modify(instance, ldif, **options):
    return tool(instance, "ldapmodify", ldif=ldif.replace("SUFFIX", instance.suffix), **options)


def found(instance, text, *attributes, base=None, by="admin"):
    """What ldapsearch prints, without comments and blank lines."""
    done = tool(instance, "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b",
                base or instance.suffix, text, *(attributes or ["1.1"]), by=by)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def let_write(instance, attribute, name):
    """idm_people_write_priv may read and write it, idm_all_accounts may read it."""
    done = add(instance, f"""
dn: cn={name}_write,ou=access,SUFFIX
objectClass: access_control_profile
acp_receiver: cn=idm_people_write_priv,ou=groups,SUFFIX
acp_target: (class=person)
acp_search: {attribute}
acp_modify_present: {attribute}
acp_modify_present: class
acp_modify_removed: {attribute}
acp_modify_class: employee

dn: cn={name}_read,ou=access,SUFFIX
objectClass: access_control_profile
acp_receiver: cn=idm_all_accounts,ou=groups,SUFFIX
acp_target: (class=person)
acp_search: {attribute}
""".replace("acp_modify_present: class\n", ""))
    assert done.returncode == 0, done.stderr


# --- LDAP


def test_an_attribute_added_with_ldapadd_is_usable_at_once(instance):
    reader = instance.connect("anna")  # a connection, and a worker, from before
    assert "badge" not in subschema(instance).attributes
    done = add(instance, """
dn: cn=badge,ou=schema,SUFFIX
objectClass: attributetype
cn: badge
attributetype_syntax: utf8_nocase
attributetype_index: substring
attributetype_unique: TRUE
description: The number on the badge

dn: cn=employee,ou=schema,SUFFIX
objectClass: classtype
classtype_may: badge
""")
    assert done.returncode == 0, done.stderr
    let_write(instance, "badge", "badges")
    done = modify(instance, """
dn: uid=anna,ou=people,SUFFIX
changetype: modify
add: objectClass
objectClass: employee
-
add: badge
badge: A-17
""", by="idm_admin")
    assert done.returncode == 0, done.stderr
    anna = instance.dn("anna")
    for text in "(badge=a-17)", "(badge=*-1*)", "(badge>=a)", "(objectClass=employee)":
        assert found(instance, text, by="ben") == [f"dn: {anna}"]
    assert found(instance, "(uid=anna)", "*", by="ben").count("badge: A-17") == 1
    assert reader.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(badge=A-17)", ["badge"]) == \
        [(anna, {"badge": [b"A-17"]})]
    assert reader.compare_s(anna, "badge", b"a-17")
    reader.unbind_s()
    done = modify(instance, """
dn: uid=ben,ou=people,SUFFIX
changetype: modify
add: objectClass
objectClass: employee
-
add: badge
badge: a-17
""", by="idm_admin")
    assert done.returncode == 19
    assert "badge a-17 is taken by another entry" in done.stderr


def subschema(instance):
    connection = instance.connect()
    [(_, entry)] = connection.search_s("cn=subschema", ldap.SCOPE_BASE,
                                       attrlist=["attributeTypes", "objectClasses"])
    connection.unbind_s()
    parsed = ldap.schema.SubSchema(entry)
    parsed.attributes = {name for oid in parsed.listall(ldap.schema.AttributeType)
                         for name in parsed.get_obj(ldap.schema.AttributeType, oid).names}
    return parsed


def test_the_subschema_tells_of_it(instance):
    parsed = subschema(instance)
    badge = parsed.get_obj(ldap.schema.AttributeType, "badge")
    assert badge.desc == "The number on the badge"
    assert badge.single_value and badge.equality == "caseIgnoreMatch"
    employee = parsed.get_obj(ldap.schema.ObjectClass, "employee")
    assert employee.may == ("badge",) and employee.kind == 2 and employee.sup == ("top",)


def test_the_entries_stand_at_ou_schema_for_those_who_may_see_them(instance):
    base = f"ou=schema,{instance.suffix}"
    assert found(instance, "(objectClass=*)", base=base) == \
        [f"dn: {base}", f"dn: cn=badge,{base}", f"dn: cn=employee,{base}"]
    assert found(instance, "(cn=badge)", "cn", "attributetype_number") == \
        [f"dn: cn=badge,{base}", "cn: badge", "attributetype_number: 4096"]
    done = tool(instance, "ldapsearch", "-b", base, by="anna")
    assert done.returncode == 32
    assert found(instance, "(cn=badge)", by="anna") == []


@pytest.mark.parametrize("ldif, code, words", [
    ("dn: cn=mail,ou=schema,SUFFIX\nobjectClass: attributetype\nattributetype_syntax: utf8\n",
     68, "mail is a name of LDAP"),
    ("dn: cn=gidnumber,ou=schema,SUFFIX\nobjectClass: attributetype\nattributetype_syntax: utf8\n",
     68, "is a name of LDAP"),
    ("dn: cn=radius_vlan,ou=schema,SUFFIX\nobjectClass: attributetype\n"
     "attributetype_syntax: utf8\n", 68, "built into the server"),
    ("dn: cn=x,ou=schema,SUFFIX\nobjectClass: attributetype\nattributetype_syntax: text\n",
     21, "utf8, utf8_nocase"),
    ("dn: cn=x,ou=schema,SUFFIX\nobjectClass: attributetype\n", 65, "attributetype_syntax"),
    ("dn: cn=x,ou=schema,SUFFIX\nobjectClass: person\n", 65, "attributetype or classtype"),
    ("dn: cn=x,ou=schema,SUFFIX\nobjectClass: classtype\nclasstype_may: nothing\n",
     21, "no attribute nothing"),
])
def test_what_can_not_be_is_refused_and_says_why(instance, ldif, code, words):
    done = add(instance, ldif)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_who_may_not_change_the_schema_is_refused(instance):
    done = add(instance, "dn: cn=x,ou=schema,SUFFIX\nobjectClass: attributetype\n"
               "attributetype_syntax: utf8\n", by="idm_admin")
    assert done.returncode == 50
    assert "idm_schema_manage_priv" in done.stderr


@pytest.mark.parametrize("change, words", [
    ("dn: cn=badge,ou=schema,SUFFIX\nchangetype: modify\nreplace: attributetype_syntax\n"
     "attributetype_syntax: utf8\n", "anna holds values"),
    ("dn: cn=badge,ou=schema,SUFFIX\nchangetype: delete\n", "listed by the class employee"),
    ("dn: cn=employee,ou=schema,SUFFIX\nchangetype: delete\n", "anna has the class employee"),
    ("dn: cn=employee,ou=schema,SUFFIX\nchangetype: modify\ndelete: classtype_may\n"
     "classtype_may: badge\n", "anna holds it"),
])
def test_what_would_break_entries_is_refused_and_names_them(instance, change, words):
    done = modify(instance, change)
    assert (done.returncode, words in done.stderr) == (65, True), done.stderr


def test_a_search_in_pages_goes_on_over_a_change_of_the_schema(instance):
    control = ldap.controls.SimplePagedResultsControl(True, size=1, cookie="")
    connection = instance.connect("admin")
    names = []
    for turn in range(100):
        message = connection.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, "(badge=*)", ["badge"],
                                        serverctrls=[control])
        _, entries, _, controls = connection.result3(message)
        names += [dn for dn, _ in entries]
        control.cookie = controls[0].cookie
        if not control.cookie:
            break
        instance.ok("system", "schema", "attribute", "create", f"turn{turn}", "utf8", name="admin")
    assert names == [instance.dn("anna")]
    connection.unbind_s()


def test_a_search_that_waits_for_its_client_goes_on_over_a_change_of_the_schema(instance):
    """So much that the server can't send it while the client reads nothing: it goes on afterwards,
    by a schema in which the attribute has another place."""
    for name in "before", "note":
        instance.ok("system", "schema", "attribute", "create", name, "utf8", "--multi", name="admin")
    instance.ok("system", "schema", "class", "update", "employee", "--may", "badge", "--may", "note",
                name="admin")
    let_write(instance, "note", "notes")
    connection = instance.connect("idm_admin")
    notes = sorted(b"%05d" % i + b"x" * 1000 for i in range(500))
    for i in range(12):
        dn = instance.dn(f"writer{i}")
        connection.add_s(dn, [("objectClass", [b"person"]), ("displayname", [b"W"])])
        connection.modify_s(dn, [(ldap.MOD_ADD, "objectClass", [b"employee"])])
        for first in range(0, len(notes), 100):
            connection.modify_s(dn, [(ldap.MOD_ADD, "note", notes[first:first + 100])])
    message = connection.search_ext(instance.suffix, ldap.SCOPE_SUBTREE, "(note=*)", ["note"])
    assert connection.result(message, all=0)[1][0][0] == instance.dn("writer0")
    instance.ok("system", "schema", "attribute", "delete", "before", name="admin")
    assert sorted(connection.result(message)[1]) == sorted(
        (instance.dn(f"writer{i}"), {"note": notes}) for i in range(1, 12))
    connection.unbind_s()


# --- the command


def schema(instance, *args, name="admin"):
    return instance.ok("system", "schema", *args, name=name)


def test_the_command_makes_changes_and_deletes(instance):
    out = schema(instance, "attribute", "create", "shoe-size", "uint32", "--index", "ordering",
                 "--description", "Of both feet")
    assert out == "Successfully created attribute shoe-size\n"
    schema(instance, "class", "create", "walker", "--must", "displayname", "--may", "shoe-size")
    shown = json.loads(schema(instance, "attribute", "get", "shoe-size", "-o", "json"))
    assert shown.pop("number") > 4096
    assert shown == {"name": "shoe-size", "syntax": "uint32", "multi": False, "unique": False,
                     "index": ["ordering"], "builtin": False, "description": "Of both feet"}
    assert "shoe-size" in schema(instance, "class", "get", "walker")
    schema(instance, "attribute", "update", "shoe-size", "--multi", "--index", "equality",
           "--index", "presence", "--description", "")
    shown = json.loads(schema(instance, "attribute", "get", "shoe-size", "-o", "json"))
    assert shown["multi"] and sorted(shown["index"]) == ["equality", "presence"]
    assert "description" not in shown
    schema(instance, "class", "update", "walker", "--may", "")
    assert json.loads(schema(instance, "class", "get", "walker", "-o", "json")) == \
        {"name": "walker", "must": ["displayname"], "may": [], "builtin": False}
    schema(instance, "class", "delete", "walker")
    schema(instance, "attribute", "delete", "shoe-size")
    done = instance.kanidm("system", "schema", "attribute", "get", "shoe-size", name="admin")
    assert done.returncode == 1 and done.stdout == ""
    assert "there is no such attribute" in done.stderr


def test_the_command_lists_what_is_built_in_too(instance):
    things = json.loads(schema(instance, "attribute", "list", "-o", "json"))
    by_name = {thing["name"]: thing for thing in things}
    assert by_name["badge"]["builtin"] is False and by_name["badge"]["unique"] is True
    assert by_name["mail"] | {"number": 0} == {
        "name": "mail", "syntax": "email", "multi": True, "unique": True, "number": 0,
        "index": ["equality", "presence", "substring"], "builtin": True}
    classes = {thing["name"] for thing in
               json.loads(schema(instance, "class", "list", "-o", "json"))}
    assert classes >= {"employee", "person", "dyngroup"}
    lines = schema(instance, "attribute", "list").splitlines()
    assert lines == sorted(lines)
    assert any(line.startswith("badge ") and "unique" in line for line in lines)
    assert any(line.startswith("uuid ") and line.endswith("(built in)") for line in lines)


@pytest.mark.parametrize("args, status, words", [
    (["attribute", "delete", "displayname"], 1, "no matching entries"),
    (["attribute", "create", "a.b", "utf8"], 1, "a-z"),
    (["attribute", "create", "uid", "utf8"], 1, "name of LDAP"),
    (["attribute", "create", "x", "utf8", "--multi", "--single"], 2, "exclude each other"),
    (["attribute", "update", "badge"], 2, "nothing to change"),
    (["attribute", "update", "badge", "--not-unique", "--unique"], 2, "exclude each other"),
    (["attribute", "delete", "badge"], 1, "employee"),
    (["class", "get", "nothing"], 1, "there is no such class"),
    (["class", "create", "employee"], 1, "there already"),
])
def test_the_command_says_what_is_wrong_in_one_line(instance, args, status, words):
    done = instance.kanidm("system", "schema", *args, name="admin")
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_who_may_not_see_the_schema_is_told_so(instance):
    instance.login("anna")
    done = instance.kanidm("system", "schema", "attribute", "list", name="anna")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "mail" in instance.ok("system", "schema", "attribute", "get", "mail", name="anna")


# --- after a restart


def test_the_schema_outlives_a_restart(instance):
    instance.restart_ldapd()
    assert found(instance, "(badge=A-17)", "badge", by="ben") == \
        [f"dn: {instance.dn('anna')}", "badge: A-17"]
    assert "badge" in subschema(instance).attributes
