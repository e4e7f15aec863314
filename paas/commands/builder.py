"""builder: what turns an app's commit into an image, and which part of the commit."""

import re

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import one_of
from paas.deploy import builders, policies
from paas.errors import UsageError
from paas.model.app import App
from paas.model.names import tree_path


def values(context: Context, app: App | None) -> dict[str, str]:
    """What built the app last."""
    if app is None:
        return {"available": ",".join(builders.names())}
    return {"detected": context.platform.store.properties.get(app, "builder", "detected") or ""}


def patterns(text: str) -> str:
    """Names of variables between commas, `*` standing for any part of one."""
    found = [one.strip() for one in text.split(",") if one.strip()]
    if found and all(re.fullmatch(r"[A-Za-z0-9_*]{1,255}", one) for one in found):
        return ",".join(found)
    raise UsageError(
        f"{text[:80]!r} are not names of variables", "such as DATABASE_URL,STRIPE_*, or *"
    )


report.register(
    report.Namespace(
        "builder",
        "builder",
        "what builds apps, and from which directory",
        values,
        properties=(
            report.Property(
                "selected",
                f"the builder: {', '.join(builders.names())}; unset: the one that fits",
                one_of(*builders.names()),
            ),
            report.Property(
                "build-dir",
                "the directory of the repository that is built, as if there were nothing else",
                tree_path,
            ),
            report.Property(
                policies.WITHHELD,
                "config vars that builds do not see: names and patterns, as in "
                "DATABASE_URL,STRIPE_*; * for all but what config:set --build gives them",
                patterns,
            ),
            report.Property(
                "skip-cleanup",
                "true: layers that no kept release needs stay on disk after a deploy",
                one_of("true", "false"),
                lambda _: "false",
            ),
        ),
        after_set="The next push takes it",
    )
)
