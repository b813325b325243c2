"""Server-side sorting (RFC 2891) as clients ask for it: python3-ldap, with pages and without, and
ldapsearch -E sss=."""

import re

import ldap
import pytest
from ldap.controls import SimplePagedResultsControl
from ldap.controls.sss import SSSRequestControl, SSSResponseControl

CROWD = 1200
FAULTY = [("favouriteDrink", 16), ("uid:integerOrderingMatch", 18), ("memberOf", 18)]


@pytest.fixture(scope="module")
def people(instance):
    """Four that differ in what they have, and a crowd in no order."""
    for name, shown in ("anna", "anna Apfel"), ("ben", "Ben Birne"), ("carl", "Zoe"), \
            ("dora", "carla"):
        instance.create_person(name, shown, radius=name == "dora")
    for name, mail in ("anna", "m@example.com"), ("ben", "Z@example.com"), ("carl", "a@example.com"):
        instance.ok("person", "update", name, "--mail", mail, name="idm_admin")
    connection = instance.connect("idm_admin")
    for first in range(0, CROWD, 25):
        messages = [connection.add(instance.dn(f"p{i * 7919 % 10000:04}"), [
            ("objectClass", [b"person"]), ("uid", [b"p%04d" % (i * 7919 % 10000)]),
            ("displayname", [b"Crowd %d" % (i % 3)])]) for i in range(first, first + 25)]
        for message in messages:
            connection.result(message)
    connection.unbind_s()


FEW = "(|(uid=anna)(uid=ben)(uid=carl)(uid=dora))"


def search(connection, instance, text, *keys, critical=True, paged=None, **options):
    """Names in the order in which they come, what is told of the order, and the next cookie."""
    controls = [SSSRequestControl(critical, list(keys))]
    if paged is not None:
        controls.append(paged)
    message = connection.search_ext("ou=people," + instance.suffix, ldap.SCOPE_ONELEVEL, text,
                                    ["uid"], serverctrls=controls, **options)
    _, data, _, answered = connection.result3(message)
    told = {control.controlType: control for control in answered}
    return ([entry["uid"][0].decode() for _, entry in data],
            told[SSSResponseControl.controlType].sortResult,
            told[paged.controlType].cookie if paged is not None else None)


def order(connection, instance, *keys, text=FEW):
    names, told, _ = search(connection, instance, text, *keys)
    assert told == 0
    return [name[0] for name in names]


def pages(connection, instance, text, size, *keys):
    control = SimplePagedResultsControl(True, size=size, cookie="")
    out = []
    while True:
        names, told, control.cookie = search(connection, instance, text, *keys, paged=control)
        assert told == 0
        out.append(names)
        if not control.cookie:
            return out


def test_entries_come_in_the_order_that_is_asked_for(admin, instance):
    assert order(admin, instance, "uid") == list("abcd")
    assert order(admin, instance, "-uid") == list("dcba")
    assert order(admin, instance, "displayName") == list("abdc")
    assert order(admin, instance, "displayname:caseExactOrderingMatch") == list("bcad")
    assert order(admin, instance, "-cn:2.5.13.3") == list("dcba")


def test_entries_without_a_value_come_last(admin, instance):
    assert order(admin, instance, "mail") == list("cabd")
    assert order(admin, instance, "sshPublicKey", "-uid") == list("dcba")
    instance.ok("person", "update", "anna", "--legalname", "X", name="idm_admin")
    assert order(admin, instance, "legalname", "-uid") == list("adcb")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    admin.modify_s(instance.dn("ben"), [(ldap.MOD_ADD, "sshPublicKey", [f"{key} tag".encode()])])
    assert order(admin, instance, "sshPublicKey", "-uid") == list("bdca")


def test_the_second_key_decides_among_equals(admin, instance):
    names, told, _ = search(admin, instance, "(uid=p*)", "-displayname", "uid")
    assert told == 0 and len(names) == CROWD
    third = CROWD // 3
    assert names[:third] == sorted(f"p{i * 7919 % 10000:04}" for i in range(CROWD) if i % 3 == 2)
    assert names[-third:] == sorted(f"p{i * 7919 % 10000:04}" for i in range(CROWD) if i % 3 == 0)


@pytest.mark.parametrize("size", [1, 7, 500, 5000])
def test_pages_together_are_the_whole_in_order(admin, instance, size):
    text = "(uid=p*)" if size > 1 else "(uid=p1*)"
    got = pages(admin, instance, text, size, "-uid")
    assert sum(got, []) == search(admin, instance, text, "-uid")[0]
    assert sum(got, []) == sorted(sum(got, []), reverse=True)
    assert all(len(page) == size for page in got[:-1])


def test_a_size_limit_gives_the_first_of_all(admin, instance):
    message = admin.search_ext("ou=people," + instance.suffix, ldap.SCOPE_ONELEVEL, "(uid=p*)",
                               ["uid"], serverctrls=[SSSRequestControl(True, ["uid"])],
                               sizelimit=3)
    names = []
    with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
        while True:
            for _, entry in admin.result(message, all=0)[1]:
                names.append(entry["uid"][0].decode())
    assert names == sorted(f"p{i * 7919 % 10000:04}" for i in range(CROWD))[:3]


@pytest.mark.parametrize("key, code", FAULTY)
def test_what_cannot_be_sorted_comes_unsorted_or_not_at_all(admin, instance, key, code):
    names, told, _ = search(admin, instance, FEW, key, critical=False)
    assert (sorted(name[0] for name in names), told) == (list("abcd"), code)
    with pytest.raises(ldap.UNAVAILABLE_CRITICAL_EXTENSION):
        search(admin, instance, FEW, key)


def test_a_cookie_is_good_for_its_own_search_alone(admin, instance):
    first = SimplePagedResultsControl(True, size=1, cookie="")
    _, _, cookie = search(admin, instance, FEW, "uid", paged=first)
    later = SimplePagedResultsControl(True, size=5, cookie=cookie)
    other = instance.connect("idm_admin")
    for connection, text, key in (admin, FEW, "-uid"), (admin, "(uid=*)", "uid"), \
            (other, FEW, "uid"):
        with pytest.raises(ldap.UNWILLING_TO_PERFORM):
            search(connection, instance, text, key, paged=later)
    names, told, cookie = search(admin, instance, FEW, "uid", paged=later)
    assert ([name[0] for name in names], told, cookie) == (list("bcd"), 0, b"")
    other.unbind_s()


def test_hidden_values_do_not_tell_by_their_order(admin, anonymous, instance):
    before = [order(anonymous, instance, key) for key in ("mail", "radius_secret", "legalname")]
    assert before == [list("abcd")] * 3  # nobody has any: as they were made
    assert order(admin, instance, "mail") == list("cabd")
    assert order(admin, instance, "radius_secret", "uid")[0] == "d"
    dora = instance.connect("anna")
    assert order(dora, instance, "-mail", "uid") == list("bcda")  # her own is the only one
    dora.unbind_s()


def test_too_many_to_sort_come_unsorted_or_not_at_all(fresh):
    one = fresh()
    one.recover("idm_admin")
    one.configure("limits.sort_bytes", 16384)
    one.start()
    connection = one.connect("idm_admin")
    for i in range(600):
        connection.add_s(one.dn(f"p{i:04}"), [("objectClass", [b"person"]),
                                              ("uid", [b"p%04d" % i]), ("displayname", [b"P"])])
    names, told, _ = search(connection, one, "(uid=p*)", "-uid", critical=False)
    assert (names, told) == ([f"p{i:04}" for i in range(600)], 11)
    with pytest.raises(ldap.UNAVAILABLE_CRITICAL_EXTENSION):
        search(connection, one, "(uid=p*)", "-uid")
    names, told, _ = search(connection, one, "(uid=p000*)", "-uid")
    assert (names, told) == ([f"p{i:04}" for i in reversed(range(10))], 0)
    connection.unbind_s()


def ldapsearch(instance, keys, *options):
    done = instance.run("ldapsearch", "-x", "-LL", "-o", "ldif-wrap=no", "-H", instance.url, "-b",
                        "ou=people," + instance.suffix, "-s", "one", "-E", f"!sss={keys}", *options,
                        "(uid=*)", "uid", env={"LDAPTLS_CACERT": str(instance.dir / "ca.pem")})
    return done, re.findall(r"^uid: (\S+)$", done.stdout, re.M)


def test_ldapsearch_gets_its_order(people, instance):
    everybody = sorted(["anna", "ben", "carl", "dora"] +
                       [f"p{i * 7919 % 10000:04}" for i in range(CROWD)])
    done, names = ldapsearch(instance, "uid")
    assert done.returncode == 0, done.stderr
    assert names == everybody
    done, names = ldapsearch(instance, "-uid")
    assert names == everybody[::-1]
    done, names = ldapsearch(instance, "-displayname:2.5.13.3/uid")
    assert names[:1] == ["carl"] and names[-2:] == ["ben", "anna"]
    done, names = ldapsearch(instance, "-uid", "-E", "pr=500/noprompt")
    assert done.returncode == 0, done.stderr
    assert names == everybody[::-1]
    done, names = ldapsearch(instance, "favouriteDrink")
    assert done.returncode == 12 and names == []
