"""Names that belong to somebody else: domains claimed, and apps whose names are alike."""

import threading

import pytest

from tests.attacks.door import Door
from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN

CLAIMS = [
    "victim.localhost",
    "VICTIM.localhost",
    "victim.localhost.",
    "Victim.LOCALHOST.",
    "\uff56ictim.localhost",
    "victim\u3002localhost",
]


@pytest.mark.parametrize("name", CLAIMS)
def test_the_victims_domain_is_not_given_away(
    platform: Instance, evil: Repository, words: Door, name: str
):
    assert words("domains:add", "evil", name).status != 0
    assert words("domains:set", "evil", name).status != 0


def test_a_wildcard_does_not_take_a_name_that_is_somebodys(platform: Instance, evil: Repository):
    platform.ok("domains:add", "evil", "*.localhost")
    try:
        assert platform.get("victim").text == "the victim's page"
    finally:
        platform.ok("domains:remove", "evil", "*.localhost")


def test_of_two_who_claim_one_domain_at_once_one_gets_it(
    platform: Instance, evil: Repository, words: Door
):
    results: dict[str, int] = {}

    def claim(app: str) -> None:
        results[app] = words("domains:add", app, "wanted.example").status

    threads = [threading.Thread(target=claim, args=(app,)) for app in ("evil", "victim") * 4]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    owners = [
        app for app in ("evil", "victim") if "wanted.example" in platform.ok("domains:report", app)
    ]
    assert len(owners) == 1
    platform.ok("domains:remove", owners[0], "wanted.example")


def test_destroying_an_app_leaves_those_with_names_like_it(platform: Instance, victim: Repository):
    state = platform.settings.state_dir
    alike = ["nest", "nest-1", "nest.1", "nest1"]
    repositories = {name: platform.repository(name) for name in alike}
    for name, repository in repositories.items():
        repository.deploy({**PLAIN, "page.txt": name})
    platform.ok("apps:destroy", "nest", "--force")
    for name in alike[1:]:
        assert platform.get(name).text == name
        assert (state / "repos" / f"{name}.git").is_dir()
        assert list((state / "logs" / name).iterdir())
    assert not (state / "repos" / "nest.git").exists()
    assert not (state / "logs" / "nest").exists()
    # the next app gets the slot, and with it the uids, of the one that is gone
    heir = platform.repository("heir")
    heir.deploy({**PLAIN, "page.txt": "heir"})
    assert platform.ok("config:keys", "heir").strip() == ""
    assert "nest" not in platform.ok("logs", "heir", "-n", "1000")
    for name in (*alike[1:], "heir"):
        platform.ok("apps:destroy", name, "--force")
