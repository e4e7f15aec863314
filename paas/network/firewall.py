"""Other software's iptables rules: ask them to let containers through, where they drop.

Touches: iptables rules naming our bridges, in DOCKER-USER or FORWARD and INPUT, only
where a policy of DROP (Docker, ufw) would cut containers off. What containers may
reach is decided in our own tables; a packet must pass both.
"""

import re

from paas.command import Runner
from paas.errors import PaasError
from paas.settings import Settings

Rule = tuple[str, ...]


def admit(settings: Settings, runner: Runner) -> None:
    """Insert the rules that are needed and not there. Idempotent; silent without iptables."""
    present = listing(runner)
    for rule in wanted(settings, present):
        if not iptables(runner, "-C", rule):
            iptables(runner, "-I", rule)


def withdraw(settings: Settings, runner: Runner) -> None:
    """Delete our rules wherever they are. Idempotent."""
    present = listing(runner)
    for chain in ("DOCKER-USER", "FORWARD", "INPUT"):
        for rule in rules_in(chain, settings):
            if " ".join(("-A", *rule)) in present:
                iptables(runner, "-D", rule)


def wanted(settings: Settings, present: str) -> list[Rule]:
    """The rules these chains need."""
    chains = []
    if re.search(r"^-N DOCKER-USER$", present, re.MULTILINE):
        chains.append("DOCKER-USER")
    elif re.search(r"^-P FORWARD DROP$", present, re.MULTILINE):
        chains.append("FORWARD")
    if re.search(r"^-P INPUT DROP$", present, re.MULTILINE):
        chains.append("INPUT")
    return [rule for chain in chains for rule in rules_in(chain, settings)]


def rules_in(chain: str, settings: Settings) -> list[Rule]:
    """Our rules in one chain, written as iptables -S prints them."""
    bridges = settings.bridge(0).removesuffix("0") + "+"
    incoming = (chain, "-i", bridges, "-j", "ACCEPT")
    return [incoming] if chain == "INPUT" else [incoming, (chain, "-o", bridges, "-j", "ACCEPT")]


def listing(runner: Runner) -> str:
    """All rules of the filter table; nothing where iptables is missing or unusable."""
    try:
        return runner.run(("iptables", "-S"), check=False).text
    except PaasError:
        return ""


def iptables(runner: Runner, verb: str, rule: Rule) -> bool:
    """One change or check; whether it succeeded."""
    return runner.run(("iptables", "-w", verb, *rule), check=False).status == 0
