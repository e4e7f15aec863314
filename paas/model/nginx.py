"""nginx's settings for one app: their names as dokku has them, and what each may be.

Pure. A value that a rule accepts cannot end a directive or begin another one: it is a
number, a size, a time, a word of a list, or a name without anything nginx would read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from paas.errors import UsageError

TIMES_MS = {"ms": 1, "": 1000, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS = 7 * TIMES_MS["d"]
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
BUFFER_BYTES = 16 << 20  # a connection's, all of one kind together
LOG_FORMATS = ("json", "combined", "common", "json_combined")
JSON, OFF = "json", "off"
# what a header may be made of, beside plain words
VARIABLES = {
    "x-forwarded-for-value": (
        *("$remote_addr", "$http_x_forwarded_for", "$proxy_add_x_forwarded_for"),
        *("$http_cf_connecting_ip", "$http_x_real_ip"),
    ),
    "x-forwarded-port-value": ("$server_port", "$http_x_forwarded_port"),
    "x-forwarded-proto-value": ("$scheme", "$http_x_forwarded_proto"),
}
Rule = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it is, what holds when nobody sets it, and which texts it takes."""

    words: str
    default: str
    check: Rule


def milliseconds(text: str) -> int:
    """`60s`, `5m`, `500ms`; without a unit seconds, as nginx has it."""
    found = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d|)", text, re.ASCII)
    if found is None:
        raise UsageError(f"{text[:80]!r} is not a time", "write it as 60s, 5m or 500ms")
    return int(found[1]) * TIMES_MS[found[2]]


def duration(text: str) -> str:
    """A rule: a time of at most a week."""
    if milliseconds(text) > LONGEST_MS:
        raise UsageError(f"{text[:80]!r} is longer than 7 days")
    return text


def size_bytes(text: str) -> int:
    """`50m`, `8k`; without a unit bytes."""
    found = re.fullmatch(r"(\d{1,12})([kKmMgG]?)", text, re.ASCII)
    if found is None:
        raise UsageError(f"{text[:80]!r} is not a size", "write it as 50m, 8k or 1g")
    return int(found[1]) * SIZES[found[2].lower()]


def body_size(text: str) -> str:
    """A rule: a size; 0 stands for any."""
    if size_bytes(text) >= 1 << 50:
        raise UsageError(f"{text[:80]!r} is too large")
    return text


def buffer_size(text: str) -> str:
    """A rule: the size of a buffer in memory."""
    if not 1 << 10 <= size_bytes(text) <= BUFFER_BYTES:
        raise UsageError(f"{text[:80]!r} is not from 1k to 16m")
    return text


def buffers(text: str) -> str:
    """A rule: how many buffers of which size, such as `8 16k`."""
    count, space, size = text.partition(" ")
    if not space or not re.fullmatch(r"\d{1,4}", count, re.ASCII) or int(count) < 2:
        raise UsageError(
            f"{text[:80]!r} is not a number of buffers and their size", "write it as: 8 16k"
        )
    if int(count) * size_bytes(buffer_size(size)) > BUFFER_BYTES:
        raise UsageError(f"{text[:80]!r} is more than 16m together")
    return f"{int(count)} {size}"


def choice(*words: str) -> Rule:
    """A rule: one of these words."""

    def rule(text: str) -> str:
        if text in words:
            return text
        raise UsageError(f"{text[:80]!r} is not one of {', '.join(words)}")

    return rule


def count(least: int, most: int) -> Rule:
    """A rule: a whole number within bounds."""

    def rule(text: str) -> str:
        if re.fullmatch(r"\d{1,10}", text, re.ASCII) and least <= int(text) <= most:
            return str(int(text))
        raise UsageError(f"{text[:80]!r} is not a number from {least} to {most}")

    return rule


def log_file(text: str) -> str:
    """A rule: the name of a file beside the app's other logs, or off."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not the name of a log file",
        "give a name without a directory, such as shop-access.log, or off",
    )


def header(key: str) -> Rule:
    """A rule: a plain word, or one of the variables that make sense there."""
    known = VARIABLES[key]

    def rule(text: str) -> str:
        if text in known or re.fullmatch(r"[A-Za-z0-9_.:\[\]-]{1,200}", text):
            return text
        raise UsageError(
            f"{text[:80]!r} cannot be {key}", f"give a word, or one of {' '.join(known)}"
        )

    return rule


def address(kind: type[IPv4Address] | type[IPv6Address]) -> Rule:
    """A rule: an address of that family; brackets around it are dropped."""

    def rule(text: str) -> str:
        try:
            return str(kind(text.removeprefix("[").removesuffix("]")))
        except ValueError:
            family = "an IPv4" if kind is IPv4Address else "an IPv6"
            raise UsageError(f"{text[:80]!r} is not {family} address") from None

    return rule


ON_OFF = choice("on", "off")
TRUE_FALSE = choice("true", "false")
# what a server block of its own says; the proxy makes one for an app that sets any of these
BLOCK: Mapping[str, Setting] = {
    "access-log-format": Setting(
        "how requests are logged: json, combined, common or json_combined",
        "json",
        choice(*LOG_FORMATS),
    ),
    "access-log-path": Setting(
        "a file of its own for logged requests, or off; unset: the proxy's", "", log_file
    ),
    "client-body-timeout": Setting("wait for more of a request's body", "60s", duration),
    "client-header-timeout": Setting("wait for a request's head", "15s", duration),
    "client-max-body-size": Setting("the largest upload; 0: any", "1g", body_size),
    "error-log-path": Setting(
        "a file of its own for the proxy's complaints, or off; unset: the proxy's", "", log_file
    ),
    "keepalive-timeout": Setting("keep an idle connection of a client", "75s", duration),
    "lingering-timeout": Setting("wait for what a client still sends", "5s", duration),
    "proxy-buffer-size": Setting("the buffer for the head of an answer", "16k", buffer_size),
    "proxy-buffering": Setting(
        "on: answers are taken from the app as fast as it gives them; off: as they come",
        "off",
        ON_OFF,
    ),
    "proxy-buffers": Setting("how many buffers an answer may take, and of which size", "", buffers),
    "proxy-busy-buffers-size": Setting("how much of them may wait for the client", "", buffer_size),
    "proxy-connect-timeout": Setting("wait for the app to take a connection", "5s", duration),
    "proxy-keepalive": Setting(
        "idle connections to the app that each worker keeps; unset: shared with other apps",
        "",
        count(1, 1024),
    ),
    "proxy-read-timeout": Setting("wait for the app's next bytes", "60s", duration),
    "proxy-send-timeout": Setting("wait for the app to take more bytes", "60s", duration),
    "send-timeout": Setting("wait for the client to take more bytes", "60s", duration),
    "underscore-in-headers": Setting("take headers with _ in their names", "off", ON_OFF),
    "x-forwarded-for-value": Setting(
        "what X-Forwarded-For tells the app", "$remote_addr", header("x-forwarded-for-value")
    ),
    "x-forwarded-port-value": Setting(
        "what X-Forwarded-Port tells the app", "$server_port", header("x-forwarded-port-value")
    ),
    "x-forwarded-proto-value": Setting(
        "what X-Forwarded-Proto tells the app", "$scheme", header("x-forwarded-proto-value")
    ),
    "x-forwarded-ssl": Setting("what X-Forwarded-Ssl tells the app: on or off", "", ON_OFF),
}
# what the route itself says: a change costs no reload
ROUTED: Mapping[str, Setting] = {
    "bind-address-ipv4": Setting(
        "the app answers at this address of the machine alone", "", address(IPv4Address)
    ),
    "bind-address-ipv6": Setting(
        "the app answers at this address of the machine alone", "", address(IPv6Address)
    ),
    "hsts": Setting("tell browsers to come by https alone", "true", TRUE_FALSE),
    "hsts-include-subdomains": Setting("for names under the domain too", "true", TRUE_FALSE),
    "hsts-max-age": Setting("for how many seconds", "15724800", count(0, 315_360_000)),
    "hsts-preload": Setting("have browsers know it before the first visit", "false", TRUE_FALSE),
}
# what dokku has, and what there is instead
REFUSED: Mapping[str, str] = {
    "disable-custom-config": "no template of an app is ever used here: what can be changed "
    "are the other properties",
    "nginx-conf-sigil-path": "nginx.conf.sigil is not used here: a template could read every "
    "other app's; set the property it was for",
    "nginx-service-command": "the proxy is started and stopped by paas: nginx:start, nginx:stop",
}


def strict_transport(values: Mapping[str, str]) -> str:
    """The value of Strict-Transport-Security by the computed settings; "" for none."""
    if values["hsts"] != "true":
        return ""
    parts = [f"max-age={values['hsts-max-age']}"]
    if values["hsts-include-subdomains"] == "true":
        parts.append("includeSubDomains")
    if values["hsts-preload"] == "true":
        parts.append("preload")
    return "; ".join(parts)


def defaults() -> dict[str, str]:
    """Every setting as it is when nobody sets it."""
    return {key: one.default for key, one in {**BLOCK, **ROUTED}.items()}


def directives(values: Mapping[str, str]) -> dict[str, str]:
    """The settings of a server block, those that follow from others filled in.

    nginx wants what is busy between the largest buffer and all of them but one.
    """
    found = {key: values.get(key) or one.default for key, one in BLOCK.items()}
    head = size_bytes(found["proxy-buffer-size"])
    if not found["proxy-buffers"]:
        found["proxy-buffers"] = f"8 {max(head, 16 << 10)}"
    if not found["proxy-busy-buffers-size"]:
        size = size_bytes(found["proxy-buffers"].partition(" ")[2])
        found["proxy-busy-buffers-size"] = str(max(head, size))
    return {key.replace("-", "_"): value for key, value in found.items()}
