"""git: what a push does."""

from paas.commands import report
from paas.model.names import branch_name

report.register(
    report.Namespace(
        "git",
        "git",
        "what a push does",
        properties=(
            report.Property(
                "deploy-branch",
                "the branch that deploys; unset: main and master",
                branch_name,
                lambda _: "main or master",
            ),
        ),
    )
)
