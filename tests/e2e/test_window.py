"""The validity window on every protocol (SPEC 10.6): to the second, and alike everywhere."""

import itertools

import ldap
import pytest

from instance import wait_for

NOW = 1_800_000_000
_names = (f"person{n}" for n in itertools.count(1))

# (valid_from, expire) as seconds from now, None for no limit; whether the account works.
WINDOWS = {
    "no window": ((None, None), True),
    "before valid_from": ((1, None), False),
    "at valid_from": ((0, None), True),
    "inside": ((-60, 1), True),
    "at expire": ((None, 0), False),
    "after expire": ((-60, -1), False),
    "expire before valid_from": ((60, -60), False),
    "expire before valid_from, both past": ((-60, -3600), False),
}


@pytest.fixture(autouse=True)
def stopped_clock(instance):
    instance.clock.set(NOW)
    instance.login("idm_admin")
    yield
    instance.clock.set(NOW)


@pytest.fixture
def person(instance):
    name = next(_names)
    instance.create_person(name)
    return name


def set_window(instance, name, window):
    valid_from, expire = window
    instance.validity(name, "any" if valid_from is None else NOW + valid_from,
                      "never" if expire is None else NOW + expire)


class Login:
    def __init__(self, instance, name):
        self.instance, self.name = instance, name

    def works(self):
        done = self.instance.kanidm("login", name=self.name,
                                    password=self.instance.passwords[self.name])
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0

    def close(self):
        pass


class SessionToken(Login):
    """A session that began before the window was set."""

    def __init__(self, instance, name):
        super().__init__(instance, name)
        instance.login(name)

    def works(self):
        done = self.instance.kanidm("self", "whoami", name=self.name)
        assert done.returncode in (0, 1), done.stderr
        assert (done.returncode == 0) == (self.name in done.stdout)
        return done.returncode == 0


class Bind(Login):
    def works(self):
        return self.instance.can_bind(self.instance.dn(self.name), self.instance.passwords[self.name])


class OpenConnection(Login):
    """A connection that was bound before the window was set."""

    def __init__(self, instance, name):
        super().__init__(instance, name)
        self.connection = instance.connect(instance.dn(name), instance.passwords[name])

    def works(self):
        try:
            found = self.connection.search_s(self.instance.suffix, ldap.SCOPE_SUBTREE,
                                             f"(uid={self.name})", ["uid"])
        except (ldap.UNAVAILABLE, ldap.SERVER_DOWN):
            return False
        assert len(found) == 1
        return True

    def close(self):
        try:
            self.connection.unbind_s()
        except ldap.LDAPError:
            pass


class RadiusPap(Login):
    def works(self):
        answer = self.instance.radius("pap", self.name)
        assert answer.accepted or answer.rejected, answer.text
        return answer.accepted


class RadiusPeap(Login):
    def works(self):
        answer = self.instance.eap("peap", self.name)
        assert answer.accepted or answer.rejected, answer.text
        return answer.accepted


WAYS = {
    "login": Login, "session token": SessionToken, "bind": Bind,
    "open connection": OpenConnection, "RADIUS PAP": RadiusPap, "RADIUS PEAP": RadiusPeap,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


@ways
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
def test_lets_in_exactly_inside_the_window(instance, person, way, window):
    limits, works = window
    client = way(instance, person)
    try:
        set_window(instance, person, limits)
        assert client.works() == works
    finally:
        client.close()


@ways
def test_lets_in_again_when_the_window_is_cleared(instance, person, way):
    set_window(instance, person, (60, -60))
    assert not Bind(instance, person).works()
    set_window(instance, person, (None, None))
    client = way(instance, person)
    try:
        assert client.works()
    finally:
        client.close()


@ways
def test_the_clock_alone_closes_the_window(instance, person, way):
    """Nothing is written: the second of the expiry comes, and it is over."""
    set_window(instance, person, (None, 100))
    client = way(instance, person)
    try:
        instance.clock.set(NOW + 99)
        assert client.works()
        instance.clock.set(NOW + 100)
        assert not client.works()
    finally:
        client.close()


@pytest.mark.parametrize("how", ["the clock", "an administrator"])
def test_an_idle_connection_is_told_within_a_second_and_closed(instance, person, how):
    """RFC 4511 section 4.4.1: a Notice of Disconnection, without any request of the client."""
    if how == "the clock":
        set_window(instance, person, (None, 100))
    connection = instance.connect(instance.dn(person), instance.passwords[person])
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    if how == "the clock":
        instance.clock.set(NOW + 100)
    else:
        instance.validity(person, expire=0)

    def told():
        # Polls without sending anything.
        try:
            connection.result4(ldap.RES_ANY, 0, 0.0)
        except (ldap.SERVER_DOWN, ldap.UNAVAILABLE, ldap.CONNECT_ERROR):
            return True
        except ldap.LDAPError:
            pass
        return False
    wait_for(told, "the connection is closed", 2.0)


def test_nobody_else_is_disconnected(instance, person):
    other = next(_names)
    instance.create_person(other)
    connection = instance.connect(instance.dn(other), instance.passwords[other])
    instance.validity(person, expire=0)
    assert not Bind(instance, person).works()
    assert connection.whoami_s() == f"u:{other}@{instance.domain}"
    connection.unbind_s()


def test_radius_session_ends_with_the_window(instance, person):
    """Session-Timeout: the NAS asks again no later than the account's end (SPEC 9.5)."""
    set_window(instance, person, (None, 90))
    answer = instance.radius("pap", person)
    assert answer.accepted
    assert answer.attributes["Session-Timeout"] == ["90"]
    assert answer.attributes["Termination-Action"] == ["RADIUS-Request"]


def test_a_resumed_tls_session_is_asked_again(instance, person):
    """PEAP resumption skips the inner authentication, never the decision about the account."""
    assert instance.eap("peap", person, again=1).accepted
    instance.validity(person, expire=0)
    assert instance.eap("peap", person).rejected


def test_words_and_zones_are_stored_as_seconds(instance, person):
    instance.ok("account", "validity", "begin_from", person, "2027-01-15T09:00:00+01:00",
                name="idm_admin")
    instance.ok("account", "validity", "expire_at", person, "2027-01-15T09:00:00.000Z",
                name="idm_admin")
    shown = instance.ok("account", "validity", "show", person, name="idm_admin",
                        env={"TZ": "Australia/Brisbane"})
    assert "2027-01-15T18:00:00+10:00" in shown  # valid after
    assert "2027-01-15T19:00:00+10:00" in shown  # expire
    for word, limit in ("never", "expire_at"), ("any", "begin_from"), ("clear", "expire_at"):
        instance.ok("account", "validity", limit, person, word, name="idm_admin")
    assert Bind(instance, person).works()
    instance.ok("account", "validity", "expire_at", person, "now", name="idm_admin")
    assert not Bind(instance, person).works()
