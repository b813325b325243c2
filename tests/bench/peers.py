"""Other servers with the same people, measured beside ours: `make bench PEERS=slapd`.

slapd is Debian's, with the mdb backend, indexes for what is asked, and the dynlist overlay, which
computes memberOf through nested groups as we do.  It must be installed already.
"""

import os
import shutil
import socket
import subprocess
import sys

import instance as e2e

SCHEMA = "/etc/ldap/schema"
READER = "cn=bench.reader"
# What slapd is asked, of run's list: no writes, for its attributes are others; and of memberOf, which
# takes it seconds where there are thousands of groups, only in small directories.
OPERATIONS = {"bind", "search_uid", "search_uuid", "read_dn", "search_displayname",
              "search_application", "search_substring_3", "search_substring_8", "search_page_500"}
MEMBEROF = {"person_in_group", "search_memberof", "search_memberof_nested", "read_memberof"}
MEMBEROF_PERSONS_MAX = 1000


def operations(persons):
    return OPERATIONS | (MEMBEROF if persons <= MEMBEROF_PERSONS_MAX else set())


class Slapd:
    """A slapd of one size, from `people` (a file of LDIF without what stands above the people)."""

    def __init__(self, made, people):
        if shutil.which("slapd") is None:
            sys.exit("bench: PEERS=slapd needs slapd: apt-get install slapd")
        self.made, self.suffix = made, made.suffix
        self.dir = made.dir / "slapd"
        (self.dir / "db").mkdir(parents=True)
        self.port = e2e.free_port(socket.SOCK_STREAM)
        self.password = "bench"
        self.reader = f"{READER},{self.suffix}"
        self.process = None
        self.configure()
        self.fill(people)

    def configure(self):
        tls = self.made.dir / "tls"
        lines = [f"include {SCHEMA}/{name}.schema"
                 for name in ("core", "cosine", "inetorgperson", "dyngroup")]
        lines += [
            "modulepath /usr/lib/ldap", "moduleload back_mdb", "moduleload dynlist",
            f"TLSCertificateFile {tls / 'chain.pem'}", f"TLSCertificateKeyFile {tls / 'key.pem'}",
            "sizelimit unlimited", "loglevel none", f"threads {max(os.cpu_count(), 2)}",
            f"pidfile {self.dir / 'pid'}",
            "database mdb", f"suffix {self.suffix}", f"directory {self.dir / 'db'}",
            f"maxsize {32 << 30}",
            "index objectClass,uid,mail,member,entryUUID eq", "index displayName eq,sub",
            "access to * by * read", "overlay dynlist",
            "dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*",
        ]
        (self.dir / "slapd.conf").write_text("\n".join(lines) + "\n")

    def fill(self, people):
        above = self.dir / "above.ldif"
        above.write_text(
            f"dn: {self.suffix}\nobjectClass: domain\ndc: {self.suffix[3:].split(',')[0]}\n\n"
            f"dn: ou=people,{self.suffix}\nobjectClass: organizationalUnit\nou: people\n\n"
            f"dn: ou=groups,{self.suffix}\nobjectClass: organizationalUnit\nou: groups\n\n"
            f"dn: {self.reader}\nobjectClass: organizationalRole\n"
            f"objectClass: simpleSecurityObject\ncn: bench.reader\n"
            f"userPassword: {self.password}\n\n")
        for ldif in above, people:
            subprocess.run(["slapadd", "-q", "-f", self.dir / "slapd.conf", "-l", ldif], check=True,
                           stderr=subprocess.DEVNULL)

    def start(self):
        self.process = subprocess.Popen(
            ["slapd", "-h", f"ldaps://127.0.0.1:{self.port}", "-f", self.dir / "slapd.conf",
             "-d", "0"], stderr=subprocess.DEVNULL)
        e2e.wait_for(self.listens, "slapd listens")

    def listens(self):
        assert self.process.poll() is None, "slapd ended"
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
