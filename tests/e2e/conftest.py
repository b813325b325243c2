"""Fixtures of the end-to-end tests; what an instance can do is in instance.py."""

import signal

import pytest

from instance import MODULE, PROGRAMS, Instance

NEEDED = [PROGRAMS / "kanidm-ldapd", PROGRAMS / "kanidmd", PROGRAMS / "kanidm", MODULE]


# Who starts the tests in the background may have had these ignored, which programs inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def built():
    for path in NEEDED:
        assert path.exists(), f"{path} is missing: run `make e2e`, which builds it"


@pytest.fixture(scope="module")
def instance(built):
    """A running instance of the module's own, with admin and idm_admin recovered."""
    made = Instance()
    try:
        made.recover("admin", "idm_admin")
        made.start()
        made.login("idm_admin")
        yield made
    finally:
        made.close()


@pytest.fixture
def admin(instance, people):
    """A connection of idm_admin, in a module with a fixture `people` that says who is there."""
    connection = instance.connect("idm_admin")
    yield connection
    connection.unbind_s()


@pytest.fixture
def anonymous(instance, people):
    """The same, bound as nobody."""
    connection = instance.connect("", "")
    yield connection
    connection.unbind_s()


@pytest.fixture
def fresh(built):
    """Makes instances that nothing was started in; the test starts what it needs."""
    made = []

    def make(**settings):
        made.append(Instance(**settings))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the daemons' logs."""
    report = (yield).get_result()
    if not report.failed:
        return
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Instance):
            for name in ("kanidm-ldapd", "freeradius"):
                log = value.dir / "log" / f"{name}.log"
                if log.exists():
                    tail = log.read_text(errors="replace")[-4000:]
                    report.sections.append((f"{name}.log", tail))
