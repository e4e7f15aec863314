"""logs:report, logs:set: how much is kept of what an app says, and where it is shipped to."""

from datetime import UTC, datetime

from paas.commands import report
from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.logs.sinks.reading import COUNTED_BYTES
from paas.logs.sinks.shipping import NAMESPACE, NETWORKS, SINCE, SINKS, Standing
from paas.model import limits, moments, sink
from paas.model.app import App
from paas.model.limits import show_bytes


def size(text: str) -> str:
    """A size as it was written, once it is one."""
    limits.log_bytes(text)
    return text


def state(context: Context, app: App | None) -> report.Values:
    """How many files are kept, and how it stands with each sink of an app."""
    files = {"files": str(context.platform.settings.log_files)}
    found = context.platform.shipping.standings(app) if app else ()
    return files | {f"sink-{number}": words(one) for number, one in enumerate(found, 1)}


def words(one: Standing) -> str:
    """`syslog+tcp://logs.example.com:601 ok, 0 lines behind`."""
    if not one.begun:
        return f"{one.sink.shown} is about to begin"
    if one.failing_since is None:
        how = "ok"
    else:
        how = f"failing since {moments.iso(one.failing_since)} ({one.why})"
    more = "more than " if one.size_bytes > COUNTED_BYTES else ""
    size = f" ({show_bytes(one.size_bytes)})" if one.size_bytes else ""
    return f"{one.sink.shown} {how}, {more}{one.lines} lines behind{size}"


def fit_for_app(context: Context, _app: App, text: str) -> str:
    """The sinks as they came, once an app may have them."""
    context.platform.shipping.check(text)
    return text


def note_since(context: Context, app: App | None) -> None:
    """Sinks that are new get what is said from now on."""
    now = datetime.now(UTC).isoformat()
    context.platform.store.properties.set(app, NAMESPACE, SINCE, now)


report.register(
    report.Namespace(
        "logs",
        "logs",
        "how much is kept of what apps say, and where it is shipped to",
        state,
        properties=(
            report.Property(
                "max-size",
                "how large one file of a process's log becomes before the next is begun, as "
                "10m or unlimited; `files` of them are kept",
                size,
                lambda context: shortest(context.platform.settings.log_max_bytes),
            ),
            report.Property(
                SINKS,
                "where lines are shipped to as they come, up to five between commas: "
                "syslog+udp://HOST[:514], syslog+tcp://HOST[:601], syslog+tls://HOST[:6514], "
                "https://[USER:PASSWORD@]HOST/PATH, http://...; the instance's get every app's "
                "lines too; `-` reads them from standard input",
                sink.checked,
                kept=fit_for_app,
                hidden=sink.shown,
                joined=True,
                globally=Permission.ADMIN,
            ),
            report.Property(
                NETWORKS,
                "networks that are not public and yet open to the sinks of apps, such as "
                "10.1.0.0/16,192.168.7.9/32",
                sink.checked_networks,
                has_app=False,
                globally=Permission.ADMIN,
            ),
        ),
        when_set=note_since,
        after_set="Processes take max-size when they next start",
    )
)


def shortest(amount: int) -> str:
    """`10m`: as max-size is written."""
    return show_bytes(amount).replace(" ", "").removesuffix("iB").lower()
