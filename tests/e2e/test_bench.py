"""`make bench` runs, and what it writes can be read.  No time is judged here."""

import json
import os
import subprocess

import instance
import pytest

CORE = ["lookup_name", "lookup_uuid", "search_displayname", "search_memberof",
        "search_substring_3", "search_substring_8", "memberof_1000_nested", "join_person",
        "join_crowd", "durable_1", "durable_64", "open_reader"]
LDAP = ["search_uid.1", "search_uid.16", "search_memberof.1", "search_page_500.1", "join.1",
        "write.1", "write.64", "bind.1", "bind.16", "bind_token.1", "bind_token.16",
        "bind_argon2"]


@pytest.mark.skipif(instance.SANITIZED, reason="it measures the plain build")
def test_a_small_directory_is_measured_and_the_json_holds_every_row(tmp_path):
    out = tmp_path / "bench.json"
    done = subprocess.run(
        [instance.TOP / "tests" / "bench" / "run"], text=True, capture_output=True, timeout=120,
        env=dict(os.environ, BENCH_SIZES="100", BENCH_QUICK="1", BENCH_ONLY="core ldap",
                 BENCH_JSON=str(out)))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(out.read_text())["rows"]
    for row in [f"core.{name}" for name in CORE] + [f"ldap.{name}" for name in LDAP]:
        measured = rows[row]["100"]
        assert measured["count"] > 0
        assert 0 < measured["p50_ns"] <= measured["p99_ns"]
    for row in ["start", "size.file", "size.index"]:
        assert rows[row]["100"]["value"] > 0
    for row in ["argon2.share_plain", "argon2.share_core"]:
        assert rows[row]["100"]["value"] > 0
    assert rows["core.memberof_1000_nested"]["100"]["found"] >= 1000
    assert "search (uid=X)" in done.stdout
