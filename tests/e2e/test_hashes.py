"""Hashes of passwords that other programs make, here and now (SPEC 6.3): imported, let in, upgraded.

Those of slapd's own tools and of mkpasswd, which need not be installed, are in
tests/support/vectors.h.
"""

import base64
import hashlib
import subprocess

import ldap
import pytest

from instance import wait_for

PASSWORD = "correct horse"
SALT = b"\x01\x02saltsalt\xfe\xff"
IMPORTERS = "cn=idm_people_account_password_import_priv,ou=groups"
UPGRADED = "is stored as Argon2id now"


def output(*argv):
    return subprocess.run(argv, input=PASSWORD + "\n", text=True, capture_output=True,
                          check=True).stdout.strip()


def openssl(kind):
    return output("openssl", "passwd", f"-{kind}", "-stdin")


def libxcrypt(setting):
    """Perl's crypt() is libcrypt's."""
    return output("perl", "-e", "chomp($p = <STDIN>); print crypt($p, $ARGV[0])", setting)


def b64(octets):
    return base64.b64encode(octets).decode()


def ab64(octets):
    """As passlib writes it, and OpenLDAP's pw-pbkdf2 with it."""
    return b64(octets).rstrip("=").replace("+", ".")


def digest(name, salt=b""):
    return b64(hashlib.new(name, PASSWORD.encode() + salt).digest() + salt)


def pbkdf2(name, salt=SALT, iterations=1200, length=None):
    return hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, iterations, length)


def nt():
    return output("smbencrypt", PASSWORD).split()[-1]


HASHES = {
    "md5crypt": lambda: "{CRYPT}" + openssl(1),
    "sha256crypt": lambda: "{CRYPT}" + openssl(5),
    "sha512crypt": lambda: openssl(6),
    "yescrypt": lambda: "{CRYPT}" + libxcrypt("$y$j9T$F5Jx5fExrKuPp53xLKQ..1"),
    "rounds": lambda: "{CRYPT}" + libxcrypt("$6$rounds=6000$saltsalt"),
    "sha": lambda: "{SHA}" + digest("sha1"),
    "ssha": lambda: "{SSHA}" + digest("sha1", SALT),
    "ssha256": lambda: "{SSHA256}" + digest("sha256", SALT),
    "sha384": lambda: "{SHA384}" + digest("sha384"),
    "ssha512": lambda: "{SSHA512}" + digest("sha512", SALT),
    "pbkdf2": lambda: f"{{PBKDF2}}1200${ab64(SALT)}${ab64(pbkdf2('sha1'))}",
    "pbkdf2sha256": lambda: f"{{PBKDF2-SHA256}}1200${ab64(SALT)}${ab64(pbkdf2('sha256'))}",
    "pbkdf2sha512": lambda: f"{{PBKDF2-SHA512}}1200${ab64(SALT)}${ab64(pbkdf2('sha512'))}",
    "django": lambda: "pbkdf2_sha256$1200$sea.salt$" + b64(pbkdf2("sha256", b"sea.salt")),
    "old389": lambda: "{PBKDF2_SHA256}" + b64(
        (1200).to_bytes(4, "big") + bytes(range(64)) +
        pbkdf2("sha256", bytes(range(64)), length=256)),
    "nt": lambda: "{NT}" + nt(),
    "samba": lambda: "sambaNTPassword: " + nt(),
    "ipa": lambda: "ipaNTHash: " + b64(bytes.fromhex(nt())),
}


def ldif_name(name):
    return f"f{name}"


def ldif(made):
    return "".join(
        f"dn: uid={ldif_name(name)},ou=people,dc=old\nobjectClass: inetOrgPerson\n"
        f"uid: {ldif_name(name)}\ncn: X\n"
        f"password_import:: {b64(value.encode())}\n\n" for name, value in made.items())


@pytest.fixture(scope="module")
def server(built):
    """Each hash in two accounts: one by kanidmd import, one by an LDAP modification."""
    from instance import Instance
    made = {name: make() for name, make in HASHES.items()}
    instance = Instance()
    try:
        instance.recover("idm_admin", "admin")
        path = instance.dir / "old.ldif"
        path.write_text(ldif(made))
        done = instance.kanidmd("import", path)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        instance.start_ldapd()
        admin = instance.connect("admin")
        admin.modify_s(f"{IMPORTERS},{instance.suffix}",
                       [(ldap.MOD_ADD, "member", [instance.dn("idm_admin", "services").encode()])])
        idm_admin = instance.connect("idm_admin")
        for name, value in made.items():
            idm_admin.add_s(instance.dn(name), [("objectClass", [b"inetOrgPerson"]),
                                                ("displayName", [b"X"])])
            idm_admin.modify_s(instance.dn(name),
                               [(ldap.MOD_REPLACE, "password_import", [value.encode()])])
        yield instance
    finally:
        instance.close()


def test_each_lets_in_with_its_password_alone_and_is_argon2id_then(server):
    names = list(HASHES) + [ldif_name(name) for name in HASHES]
    for name in names:
        assert not server.can_bind(name, PASSWORD + "!"), name
    assert UPGRADED not in server.ldapd_log()
    for name in names:
        assert server.binds_again(name, PASSWORD), name
    wait_for(lambda: server.ldapd_log().count(UPGRADED) == len(names), "all are stored anew")
    server.restart_ldapd()  # and knows no password
    for name in names:
        assert server.can_bind(name, PASSWORD), name
        assert not server.can_bind(name, PASSWORD + "!"), name
    assert server.ldapd_log().count(UPGRADED) == len(names), "once is enough"


def test_a_hash_is_written_and_never_read(server):
    found = server.connect("idm_admin").search_s(
        server.dn("ssha"), ldap.SCOPE_BASE, attrlist=["*", "+", "password_import", "userPassword"])
    values = [v for vs in found[0][1].values() for v in vs]
    assert values and not any(b"SSHA" in v or b"argon2" in v for v in values)
    assert "SSHA" not in server.ldapd_log()
    assert PASSWORD not in server.ldapd_log()
