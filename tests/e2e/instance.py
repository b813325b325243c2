"""One running instance for the end-to-end tests, and the clients that talk to it.

It is made by config/setup.sh as `make run` makes one, in a directory that the unprivileged users
can reach, with the programs of $BUILD/test: those read their clock's offset from the file that
KANIDM_TEST_CLOCK names, so a test sets the time and nobody waits for it.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

import ldap

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build")
PROGRAMS = BUILD / "test" / "bin"
# FreeRADIUS has no sanitizers, so its module is always the plain build's.
MODULE = TOP / "build" / "test" / "lib" / "rlm_kanidm.so"
SANITIZED = "san" in BUILD.name
AS_ROOT = os.geteuid() == 0


def tls(instance, timeout=10):
    context = ssl.create_default_context(cafile=instance.dir / "ca.pem")
    raw = socket.create_connection(("127.0.0.1", instance.ldaps_port), timeout)
    return context.wrap_socket(raw, server_hostname="localhost")


def wait_for(condition, what, seconds=20.0):
    """Poll until `condition()` is true, and return its value; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)


_handed_out = set()


def free_port(kind):
    """A port of 127.0.0.1 that nobody has, neither another instance of this run."""
    while True:
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


class Clock:
    """The programs' wall clock; common/clock.h says how the file is read."""

    def __init__(self, path):
        self.path = path
        self.fixed_s = None
        path.touch(0o644)
        path.chmod(0o644)
        self.reset()

    def _write(self, setting, synchronised=False):
        """Not synchronised, unless a test is about that: else each minute would become the floor
        below which no later test could go (SPEC 11.5)."""
        setting += "" if synchronised else "?"
        fd = os.open(self.path, os.O_WRONLY)
        try:
            os.pwrite(fd, (f"{setting:<15}\n" * 2).encode(), 0)
        finally:
            os.close(fd)

    def set(self, epoch_s, synchronised=False):
        """It stands still at `epoch_s`."""
        self.fixed_s = int(epoch_s)
        self._write(f"@{self.fixed_s}", synchronised)

    def shift(self, seconds):
        """Forward, or back, from where it stands still."""
        self.set(self.now() + seconds)

    def now(self):
        return int(time.time()) if self.fixed_s is None else self.fixed_s

    def reset(self):
        """The machine's own time again."""
        self.fixed_s = None
        self._write("+0")


@dataclass
class Radius:
    """What a RADIUS client got: `code` is None when nothing came."""

    code: str | None
    attributes: dict = field(default_factory=dict)
    text: str = ""

    @property
    def accepted(self):
        return self.code == "Access-Accept"

    @property
    def rejected(self):
        return self.code == "Access-Reject"


class Process:
    def __init__(self, name, argv, log, env, cwd):
        self.name, self.argv, self.log = name, argv, log
        self._file = open(log, "ab")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.STDOUT,
            env=env, cwd=cwd, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=20):
        if self.running():
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end; its log:\n{self.text()}")
        finally:
            self._file.close()
        return status

    def text(self):
        return Path(self.log).read_text(errors="replace")


class Instance:
    def __init__(self, domain="idm.example.com", build=None, **settings):
        """`settings` become lines of server.toml; a name with a dot is a table and its key."""
        self.domain = domain
        self.suffix = ",".join("dc=" + label for label in domain.split("."))
        self.dir = Path(tempfile.mkdtemp(prefix="kanidm-e2e-"))
        self.dir.chmod(0o755)
        self.programs = build or PROGRAMS
        self.ldaps_port = free_port(socket.SOCK_STREAM)
        self.radius_port = free_port(socket.SOCK_DGRAM)
        self.radius_acct_port = free_port(socket.SOCK_DGRAM)
        self.env = dict(os.environ, HOME=str(self.dir / "home"), LC_ALL="C.UTF-8", TZ="UTC",
                        ASAN_OPTIONS="abort_on_error=1", UBSAN_OPTIONS="print_stacktrace=1")
        for name in [n for n in self.env if n.startswith("KANIDM_") or n.startswith("LDAP")]:
            del self.env[name]
        (self.dir / "home").mkdir(mode=0o700)
        self.clock = Clock(self.dir / "clock")
        self.env["KANIDM_TEST_CLOCK"] = str(self.clock.path)
        self.passwords = {}
        self.radius_secrets = {}
        self.ldapd = None
        self.radiusd = None
        self.setup()
        for key, value in settings.items():
            self.configure(key, value)

    # --- files

    @property
    def url(self):
        return f"ldaps://localhost:{self.ldaps_port}"

    @property
    def ldapi(self):
        return "ldapi://" + urllib.parse.quote(str(self.dir / "ldapi"), safe="")

    @property
    def server_toml(self):
        return self.dir / "server.toml"

    @property
    def nas_secret(self):
        return (self.dir / "radius.secret").read_text()

    def setup(self):
        # Cheap hashes: what they cost is tested in the unit tests.
        env = dict(self.env, DOMAIN=self.domain, LDAPS_PORT=str(self.ldaps_port),
                   RADIUS_PORT=str(self.radius_port),
                   RADIUS_ACCT_PORT=str(self.radius_acct_port), MODULE=str(MODULE),
                   ARGON2_M_KIB="64", ARGON2_T="1", TLS_MAX_VERSION="1.3")
        subprocess.run([TOP / "config" / "setup.sh", self.dir], env=env, check=True,
                       stdout=subprocess.DEVNULL)

    def configure(self, key, value):
        """Set a key of server.toml; `None` removes it."""
        table, _, name = key.rpartition(".")
        lines = self.server_toml.read_text().splitlines()
        start = 0
        if table:
            if f"[{table}]" not in lines:
                lines += ["", f"[{table}]"]
            start = lines.index(f"[{table}]") + 1
        end = next((i for i in range(start, len(lines)) if lines[i].startswith("[")), len(lines))
        part = [line for line in lines[start:end] if not re.match(rf"{name}\s*=", line)]
        if value is not None:
            text = f'"{value}"' if isinstance(value, (str, Path)) else str(value).lower()
            part.insert(0, f"{name} = {text}")
        self.server_toml.write_text("\n".join(lines[:start] + part + lines[end:]) + "\n")

    # --- processes

    def run(self, *argv, **options):
        """Run a command in this instance's environment; its text output, its status, no check."""
        env = dict(self.env, **options.pop("env", {}))
        return subprocess.run([str(a) for a in argv], env=env, text=True, capture_output=True,
                              timeout=options.pop("timeout", 60), **options)

    def kanidmd(self, *args, **options):
        return self.run(self.programs / "kanidmd", *args, "-c", self.server_toml, **options)

    def recover(self, *names):
        """Give the accounts passwords with kanidmd, while no server runs."""
        for name in names:
            done = self.kanidmd("recover_account", name)
            assert done.returncode == 0, done.stderr
            match = re.fullmatch(
                rf"Successfully recovered account '{name}' - password reset to -> (\S+)\n",
                done.stdout)
            assert match, done.stdout
            self.passwords[name] = match[1]

    def start_ldapd(self, wait=True):
        assert self.ldapd is None
        self.ldapd = Process(
            "kanidm-ldapd", [str(self.programs / "kanidm-ldapd"), "-c", str(self.server_toml)],
            self.dir / "log" / "kanidm-ldapd.log", self.env, "/")
        if wait:
            wait_for(self._ldapd_answers, "kanidm-ldapd answers", 30)
        return self.ldapd

    def _ldapd_answers(self):
        assert self.ldapd.running(), "kanidm-ldapd ended:\n" + self.ldapd.text()
        for url in (self.ldapi, self.url):
            try:
                connection = self.connect(url=url, timeout=2)
                connection.search_s("", ldap.SCOPE_BASE)
                connection.unbind_s()
            except (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR):
                return False
        return True

    def start_radius(self, wait=True):
        assert self.radiusd is None
        argv = ["/usr/sbin/freeradius", "-f", "-l", "stdout", "-d", str(self.dir / "freeradius")]
        if AS_ROOT:
            argv = ["setpriv", "--reuid", "freerad", "--regid", "freerad",
                    "--groups", "kanidm-read"] + argv
        log = self.dir / "log" / "freeradius.log"
        log.unlink(missing_ok=True)
        self.radiusd = Process("freeradius", argv, log, self.env, "/")
        if wait:
            def ready():
                assert self.radiusd.running(), "freeradius ended:\n" + self.radiusd.text()
                return "Ready to process requests" in self.radiusd.text()
            wait_for(ready, "freeradius is ready", 30)
        return self.radiusd

    def start(self):
        self.start_ldapd()
        self.start_radius()
        return self

    def stop_ldapd(self, how=signal.SIGTERM):
        process, self.ldapd = self.ldapd, None
        return process.stop(how) if process else None

    def stop_radius(self):
        process, self.radiusd = self.radiusd, None
        return process.stop() if process else None

    def restart_ldapd(self):
        self.stop_ldapd()
        self.start_ldapd()

    def stop(self):
        try:
            self.stop_radius()
        finally:
            self.stop_ldapd()

    def close(self):
        try:
            self.stop()
        finally:
            if "KANIDM_E2E_KEEP" in os.environ:
                print(f"kept: {self.dir}")
            else:
                shutil.rmtree(self.dir, ignore_errors=True)

    def ldapd_log(self):
        return (self.dir / "log" / "kanidm-ldapd.log").read_text(errors="replace")

    def radius_log(self):
        return (self.dir / "log" / "freeradius.log").read_text(errors="replace")

    # --- kanidm, the command

    def kanidm(self, *args, name=None, password=None, url=None, env=None, **options):
        """`kanidm ARGS`; `name` becomes --name, `password` KANIDM_PASSWORD."""
        argv = [self.programs / "kanidm", *args]
        if name is not None:
            argv += ["--name", name]
        extra = {"KANIDM_URL": url or self.ldapi, "KANIDM_CA_PATH": str(self.dir / "ca.pem")}
        if password is not None:
            extra["KANIDM_PASSWORD"] = password
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return self.run(*argv, env={**extra, **(env or {})}, **options)

    def ok(self, *args, **options):
        """`kanidm ARGS` that must succeed; its stdout."""
        done = self.kanidm(*args, **options)
        assert done.returncode == 0, f"kanidm {args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def login(self, name, password=None):
        return self.ok("login", name=name, password=password or self.passwords.get(name))

    def create_person(self, name, displayname=None, radius=True, by="idm_admin"):
        """A person with a password and, if `radius`, a RADIUS secret and the right to use it."""
        self.ok("account", "create", name, displayname or name.title(), name=by)
        out = self.ok("account", "credential", "generate-pw", name, name=by)
        self.passwords[name] = re.search(r"Success: (\S+)", out)[1]
        if radius:
            self.ok("account", "radius", "generate_secret", name, name=by)
            out = self.ok("account", "radius", "show_secret", name, name=by)
            self.radius_secrets[name] = re.search(r"RADIUS secret for \S+: (\S+)", out)[1]
            self.ok("group", "add_members", "radius_access_allowed", name, name=by)
        return self.passwords[name]

    def validity(self, name, valid_from="any", expire="never", by="idm_admin"):
        """Set both ends of the window; a number is seconds since 1970."""
        def words(value):
            if isinstance(value, str):
                return value
            return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(value))
        self.ok("account", "validity", "begin_from", name, words(valid_from), name=by)
        self.ok("account", "validity", "expire_at", name, words(expire), name=by)

    # --- LDAP

    def dn(self, name, container="people"):
        return f"uid={name},ou={container},{self.suffix}"

    def connect(self, name=None, password=None, url=None, timeout=10):
        """A python-ldap connection, bound if a name or a password is given."""
        connection = ldap.initialize(url or self.url)
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, timeout)
        connection.set_option(ldap.OPT_TIMEOUT, timeout)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self.dir / "ca.pem"))
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        if name is not None or password is not None:
            if password is None:
                password = self.passwords[name]
            try:
                connection.simple_bind_s(name or "", password)
            except ldap.LDAPError:
                connection.unbind_s()
                raise
        return connection

    def can_bind(self, name, password=None):
        try:
            self.connect(name, password).unbind_s()
        except ldap.INVALID_CREDENTIALS:
            return False
        return True

    def binds_again(self, name, password=None):
        """After a wrong password, which locks the credential for a second or more (SPEC 6.6)."""
        return wait_for(lambda: self.can_bind(name, password), f"{name} binds again")

    def ldapwhoami(self, *args, name=None, password=None, url=None):
        argv = ["ldapwhoami", "-x", "-H", url or self.url]
        if name is not None:
            if password is None:
                password = self.passwords[name]
            argv += ["-D", name, "-w", password]
        return self.run(*argv, *args, env={"LDAPTLS_CACERT": str(self.dir / "ca.pem")})

    # --- RADIUS

    def _radclient(self, pairs, secret, timeout_s=4):
        pairs = dict({"NAS-IP-Address": "127.0.0.1", "Message-Authenticator": "0x00"}, **pairs)

        def quoted(value):
            if re.fullmatch(r"0x[0-9a-f]*|[0-9.]+", value):
                return value
            value = value.replace("\\", "\\\\").replace('"', '\\"')
            return '"' + re.sub(r"[\x00-\x1f]", lambda m: f"\\{ord(m[0]):03o}", value) + '"'
        text = "\n".join(f"{k} = {quoted(v)}" for k, v in pairs.items() if v is not None) + "\n"
        done = self.run("radclient", "-x", "-r", 1, "-t", timeout_s,
                        "-d", self.dir / "freeradius",
                        f"127.0.0.1:{self.radius_port}", "auth", secret or self.nas_secret,
                        input=text)
        match = re.search(r"^Received (Access-\w+) .*\n((?:\t.*\n?)*)", done.stdout, re.M)
        if not match:
            return Radius(None, text=done.stdout + done.stderr)
        attributes = {}
        for line in match[2].splitlines():
            key, _, value = line.strip().partition(" = ")
            attributes.setdefault(key, []).append(value.strip('"'))
        return Radius(match[1], attributes, done.stdout)

    def radius(self, method, name, password=None, nas_secret=None, timeout_s=4, **extra):
        """One of pap, chap, mschap; `password` is by default the RADIUS secret."""
        if password is None:
            password = self.radius_secrets[name]
        key = {"pap": "User-Password", "chap": "CHAP-Password", "mschap": "MS-CHAP-Password"}
        return self._radclient({"User-Name": name, key[method]: password, **extra}, nas_secret,
                               timeout_s=timeout_s)

    def account(self, name, status, session="5A3B", **extra):
        """An Accounting-Request; was it answered?"""
        pairs = {"User-Name": name, "Acct-Status-Type": status, "Acct-Session-Id": session,
                 "NAS-IP-Address": "127.0.0.1", **extra}
        text = "".join(f'{k} = "{v}"\n' for k, v in pairs.items())
        done = self.run("radclient", "-x", "-r", 1, "-t", 4, "-d", self.dir / "freeradius",
                        f"127.0.0.1:{self.radius_acct_port}", "acct", self.nas_secret, input=text)
        return "Received Accounting-Response" in done.stdout

    def eap(self, method, name, password=None, anonymous="anonymous", tls13=False, again=0,
            port=None, timeout_s=10):
        """eapol_test with peap (MSCHAPv2 inside) or ttls (PAP inside); `again`: resumptions."""
        if password is None:
            password = self.radius_secrets[name]
        phase2 = {"peap": "auth=MSCHAPV2", "ttls": "auth=PAP"}[method]
        phase1 = f"tls_disable_tlsv1_3={0 if tls13 else 1}"
        conf = self.dir / f"eapol-{method}.conf"
        identities = f'\tidentity="{name}"\n'
        if anonymous is not None:
            identities += f'\tanonymous_identity="{anonymous}"\n'
        conf.write_text(
            "network={\n\tkey_mgmt=WPA-EAP\n"
            f"\teap={method.upper()}\n{identities}\tpassword=\"{password}\"\n"
            f'\tca_cert="{self.dir / "ca.pem"}"\n'
            f'\tphase1="{phase1}"\n\tphase2="{phase2}"\n}}\n')
        conf.chmod(0o600)
        done = self.run("eapol_test", "-c", conf, "-a", "127.0.0.1", "-p",
                        port or self.radius_port, "-s", self.nas_secret, "-t", timeout_s,
                        "-r", again)
        codes = re.findall(r"RADIUS message: code=\d+ \((Access-\w+)\)", done.stdout)
        answers = [c for c in codes if c in ("Access-Accept", "Access-Reject")]
        accepted = done.returncode == 0 and done.stdout.rstrip().endswith("SUCCESS")
        code = "Access-Accept" if accepted else answers[-1] if answers else None
        if code == "Access-Accept" and not accepted:
            code = None
        return Radius(code, text=done.stdout)
