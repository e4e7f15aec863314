"""git: what a push does."""

from paas.commands import report
from paas.commands.parameters import one_of
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
            report.Property(
                "queue",
                "pushes that wait for another one: replace, a newer takes an older one's place; "
                "wait, all run",
                one_of("replace", "wait"),
                lambda _: "replace",
            ),
        ),
    )
)
