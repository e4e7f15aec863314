"""Living beside Docker and ufw: which of their chains get a rule of ours."""

from paas.command import Completed, Runner
from paas.network import firewall
from paas.settings import Settings

DOCKER = "-P INPUT ACCEPT\n-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n"
UFW = "-P INPUT DROP\n-P FORWARD DROP\n"
BARE = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n"


class Recorder(Runner):
    """Answers iptables -S with a text, refuses -C, and keeps the rest."""

    def __init__(self, listing: str) -> None:
        self.listing = listing
        self.ran: list[tuple[str, ...]] = []

    def run(self, argv: tuple[str, ...], **_: object) -> Completed:  # type: ignore[override]
        self.ran.append(tuple(argv))
        return Completed(argv, int("-C" in argv), self.listing.encode(), b"")

    def inserted(self) -> set[str]:
        return {argv[3] for argv in self.ran if "-I" in argv}


def admitted(listing: str) -> set[str]:
    recorder = Recorder(listing)
    firewall.admit(Settings(), recorder)
    return recorder.inserted()


def test_dockers_chain_for_users_gets_the_rules() -> None:
    assert admitted(DOCKER) == {"DOCKER-USER"}


def test_a_policy_of_drop_gets_them_in_the_chain_itself() -> None:
    assert admitted(UFW) == {"FORWARD", "INPUT"}


def test_a_host_that_accepts_is_left_alone() -> None:
    assert admitted(BARE) == set()


def test_rules_are_withdrawn_where_they_stand() -> None:
    recorder = Recorder(DOCKER + "-A DOCKER-USER -i paas-+ -j ACCEPT\n")
    firewall.withdraw(Settings(), recorder)
    deleted = [argv for argv in recorder.ran if "-D" in argv]
    assert deleted == [("iptables", "-w", "-D", "DOCKER-USER", "-i", "paas-+", "-j", "ACCEPT")]
