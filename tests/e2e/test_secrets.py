"""Secrets that were used are nowhere to be found: logs, argv, environment, core files (SPEC 6)."""

import os
import re
import subprocess

import ldap
import pytest

from instance import AS_ROOT, SANITIZED, wait_for

SET = "planted pass phrase alpha 5521"
WRONG = "planted pass phrase bravo 8873"
UNIX = "planted pass phrase charlie 3310"


def children(pid):
    """A process and all below it."""
    found = [pid]
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found += children(int(entry))
    return found


def processes(instance):
    return children(instance.ldapd.pid) + children(instance.radiusd.pid)


@pytest.fixture(scope="module")
def planted(instance):
    """Every kind of secret, set and used over each protocol; what each of them is."""
    secrets = {"primary": SET, "wrong": WRONG, "unix": UNIX}
    instance.create_person("plan", "Planted")
    secrets["radius"] = instance.radius_secrets["plan"]
    secrets["generated"] = instance.passwords["plan"]
    instance.ok("person", "credential", "update", "plan", name="idm_admin",
                input=f"pass\n{SET}\n{SET}\ncommit\nyes\n")
    instance.ok("person", "posix", "set", "plan", name="idm_admin")
    instance.ok("person", "posix", "set-password", "plan", name="idm_admin",
                input=f"{UNIX}\n{UNIX}\n")
    instance.login("admin")
    instance.ok("service-account", "create", "robot", "Robot", name="admin")
    out = instance.ok("service-account", "api-token", "generate", "robot", "label", name="admin")
    secrets["token"] = re.search(r"kt_[A-Za-z0-9_-]{54}", out)[0]
    for name, password, good in (("plan", SET, True), ("plan", UNIX, True), ("plan", WRONG, False),
                                 ("", secrets["token"], True), ("nobody_here", WRONG, False)):
        assert instance.can_bind(name, password) == good
    assert instance.binds_again("plan", SET)
    instance.login("plan", SET)
    assert instance.radius("pap", "plan", secrets["radius"]).accepted
    assert instance.radius("pap", "plan", WRONG).rejected
    assert instance.radius("mschap", "plan", secrets["radius"]).accepted
    with pytest.raises(ldap.LDAPError):
        instance.connect("plan", WRONG)
    return secrets


def forms(secret):
    return [secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode()]


def test_no_log_holds_one(instance, planted):
    logs = [(instance.dir / "log" / name).read_bytes() for name in
            os.listdir(instance.dir / "log")]
    assert sum(len(log) for log in logs) > 1000
    for kind, secret in planted.items():
        for log in logs:
            assert not any(form in log for form in forms(secret)), kind


def test_no_process_has_one_in_its_arguments_or_environment(instance, planted):
    pids = processes(instance)
    assert len(pids) >= 5
    for pid in pids:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                content = file.read()
            for kind, secret in planted.items():
                assert secret.encode() not in content, (pid, name, kind)


@pytest.mark.skipif(not AS_ROOT, reason="needs other processes' settings")
def test_no_process_of_ours_leaves_a_core_file(instance, planted):
    assert planted
    for pid in children(instance.ldapd.pid):
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            assert re.search(r"Max core file size\s+0\s+0\s", file.read()), pid


def dumped(pid):
    """What a core file of the process would hold, whatever the limits say: all memory that is
    readable and not left out of core files (madvise(2), MADV_DONTDUMP)."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        text = file.read()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for area in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text)[1:]:
            head, flags = area.split("\n", 1)[0], re.search(r"VmFlags: (.*)", area)[1].split()
            start, end = (int(n, 16) for n in head.split()[0].split("-"))
            if head.split()[1][0] != "r" or "dd" in flags or "io" in flags or "[v" in head:
                continue
            if head.endswith((".mdb", ".so")) or int(re.search(r"Rss: +(\d+)", area)[1]) == 0:
                continue
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                continue


@pytest.mark.skipif(not AS_ROOT or SANITIZED, reason="reads other processes' memory as it is")
def test_the_memory_of_our_processes_holds_none_once_it_was_used(instance, planted):
    """Of the core process and the workers; freeradius' own copies are FreeRADIUS' business."""
    kinds = {kind: forms(secret) for kind, secret in planted.items()}

    def found():
        places = []
        for pid in children(instance.ldapd.pid):
            for block in dumped(pid):
                places += [(pid, kind) for kind, some in kinds.items()
                           if any(form in block for form in some)]
        return places
    # The connections are closed; what their buffers held goes with them, in the loop's next turn.
    wait_for(lambda: not found(), f"nothing is left, but {found()}", 10)


def test_an_error_never_quotes_one(instance, planted):
    for args in (["login"], ["person", "credential", "update", "plan"]):
        done = instance.kanidm(*args, name="plan", input=f"{WRONG}\n{WRONG}\n")
        assert not any(secret in done.stdout + done.stderr for secret in planted.values())
    done = subprocess.run(["ldapwhoami", "-x", "-H", instance.url, "-D", "plan", "-w", WRONG],
                          env={**instance.env, "LDAPTLS_CACERT": str(instance.dir / "ca.pem")},
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and WRONG not in done.stdout + done.stderr
