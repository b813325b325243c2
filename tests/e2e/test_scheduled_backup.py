"""Backups by schedule: made beside the server, verified, kept as many as are wanted."""

import os
import re
import shutil
import signal
import subprocess

from instance import AS_ROOT, wait_for

PASSPHRASE = "a pass phrase for backups"


def prepare(instance, **settings):
    directory = instance.dir / "backups"
    directory.mkdir(mode=0o700)
    if AS_ROOT:
        shutil.chown(directory, "kanidm-core")
    instance.configure("online_backup_schedule", "* * * * *")
    instance.configure("online_backup_path", directory)
    for key, value in settings.items():
        instance.configure(key, value)
    instance.clock.set(1_800_000_000 // 60 * 60 + 10)
    instance.recover("admin")
    instance.start_ldapd()
    return directory


def names(directory):
    return sorted(n for n in os.listdir(directory) if n.endswith(".backup"))


def next_backup(instance, directory):
    """A minute later there is another one; its name."""
    before = set(names(directory))
    instance.clock.shift(60)
    wait_for(lambda: set(names(directory)) - before, "there is a backup", 30)
    return (set(names(directory)) - before).pop()


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True,
                         check=False).stdout
    return [int(child) for child in out.split()]


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def open_files(pid):
    return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]


def test_a_backup_is_made_each_time_and_the_newest_are_kept(fresh):
    instance = fresh()
    directory = prepare(instance, online_backup_versions=2)
    (directory / "mine.backup").write_text("not one of the server's")
    (directory / "kanidm-20200101T000000Z.backup.part").write_text("what a killed one left")
    made = [next_backup(instance, directory)]
    instance.login("admin")
    instance.ok("service-account", "create", "later", "Later", name="admin")
    made += [next_backup(instance, directory), next_backup(instance, directory)]
    assert all(re.fullmatch(r"kanidm-\d{8}T\d{6}Z\.backup", name) for name in made)
    wait_for(lambda: len(names(directory)) == 3, "the oldest is removed", 10)
    assert names(directory) == sorted(made[1:] + ["mine.backup"])
    assert os.listdir(directory) == [n for n in os.listdir(directory) if not n.endswith(".part")]
    assert os.stat(directory / made[2]).st_mode & 0o777 == 0o600
    log = instance.ldapd_log()
    assert made[2] in log and "the key rings are not in it" in log
    assert instance.kanidmd("database", "verify", directory / made[2]).returncode == 0
    instance.stop_ldapd()
    done = instance.kanidmd("database", "restore", directory / made[1])
    assert done.returncode == 0, done.stderr
    instance.start_ldapd()
    instance.login("admin")
    assert "later@" in instance.ok("service-account", "get", "later", name="admin")


def test_with_a_passphrase_the_keys_are_in_the_backup(fresh):
    instance = fresh()
    secret = instance.dir / "backup.pass"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    directory = prepare(instance, online_backup_passphrase_file=secret)
    name = next_backup(instance, directory)
    listed = subprocess.run(["tar", "tf", directory / name], capture_output=True, text=True,
                            check=True).stdout
    assert "password.keys.sealed" in listed
    assert PASSPHRASE not in instance.ldapd_log()
    assert PASSPHRASE.encode() not in (directory / name).read_bytes()


def test_a_damaged_database_is_told_and_no_older_backup_goes(fresh):
    instance = fresh()
    directory = prepare(instance, online_backup_versions=1)
    good = next_backup(instance, directory)
    path = re.search(r'^db_path = "(.*)"$', instance.server_toml.read_text(), re.M)[1]
    with open(path + "/identity.mdb", "r+b") as file:
        for found in re.finditer(b"System Administrator", file.read()):
            file.seek(found.start())
            file.write(b"system")
    part = directory / "kanidm-20200101T000000Z.backup.part"
    part.write_text("what a killed one left, which may be why there is no room")
    bad = next_backup(instance, directory)
    assert not part.exists()
    wait_for(lambda: "is damaged" in instance.ldapd_log(), "the damage is told", 10)
    assert names(directory) == sorted([good, bad])


def test_a_directory_that_can_t_be_written_is_told_and_the_server_goes_on(fresh):
    instance = fresh()
    directory = prepare(instance)
    next_backup(instance, directory)
    shutil.rmtree(directory)
    instance.clock.shift(60)
    wait_for(lambda: re.search(r"error: backup: .*No such file", instance.ldapd_log()),
             "the failure is told", 20)
    assert instance.can_bind("admin")


def test_a_bad_schedule_or_path_is_refused_at_the_start(fresh):
    instance = fresh()
    for key, value, word in (("online_backup_schedule", "daily", "schedule"),
                             ("online_backup_path", "backups", "absolute"),
                             ("online_backup_versions", 0, "1"),
                             ("online_backup_path", instance.dir / "none", "make the directory")):
        kept = instance.server_toml.read_text()
        instance.configure(key, value)
        done = instance.kanidmd("configtest")
        assert done.returncode == 1 and key in done.stderr and word in done.stderr, done.stderr
        instance.server_toml.write_text(kept)


def test_one_that_ends_while_the_server_starts_anew_is_not_waited_for(fresh):
    """The passphrase comes from a pipe, so that the test says when a backup ends."""
    instance = fresh()
    pipe = instance.dir / "backup.pass"
    os.mkfifo(pipe, 0o600)
    directory = prepare(instance, online_backup_passphrase_file=pipe)
    core = min(children(instance.ldapd.pid))

    def asks():
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            return None

    instance.clock.shift(60)
    fd = wait_for(asks, "a backup is begun", 10)
    (backup,) = [pid for pid in children(instance.ldapd.pid) if pid > core and
                 str(pipe) in open_files(pid)]
    os.kill(instance.ldapd.pid, signal.SIGSTOP)
    os.kill(core, signal.SIGKILL)
    os.close(fd)  # an empty passphrase: it fails
    wait_for(lambda: state_of(backup) == "Z", "it has ended", 10)
    os.kill(instance.ldapd.pid, signal.SIGCONT)
    wait_for(lambda: "serving again" in instance.ldapd_log(), "all are there again", 30)
    instance.clock.shift(60)
    fd = wait_for(asks, "the next backup is begun", 10)
    os.write(fd, PASSPHRASE.encode() + b"\n")
    os.close(fd)
    wait_for(lambda: names(directory), "it is made", 30)
    assert "still being made" not in instance.ldapd_log()
