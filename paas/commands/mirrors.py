"""mirrors: where builds get packages from, and what stands in for fixed hosts."""

from paas.commands import report
from paas.commands.permissions import Permission
from paas.deploy.build_config import MIRRORS
from paas.model import mirrors

report.register(
    report.Namespace(
        MIRRORS,
        "mirrors",
        "where builds get packages from",
        properties=tuple(
            report.Property(
                one.key,
                f"{one.words}; given to builds as {', '.join(one.variables)}",
                mirrors.address,
            )
            for one in mirrors.MIRRORS
        ),
        permission=Permission.SECRETS,
        after_set="The next build takes it; the app's config has the last word",
    )
)
