"""Jobs of apps at times, and their runs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def of_app(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["app_id"], ["apps.id"], name=f"fk_{table}_app_id", ondelete="CASCADE"
    )


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("handled_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended", sa.Boolean, nullable=False),
        of_app("jobs"),
        sa.PrimaryKeyConstraint("app_id", "job_id", name="pk_jobs"),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("container_id", sa.String, nullable=False),
        sa.Column("container", sa.String, nullable=False),
        sa.Column("code", sa.Integer, nullable=True),
        sa.Column("words", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        of_app("job_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_job_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_runs_job", "job_runs", ["app_id", "job_id", "id"])
    op.create_index("ix_job_runs_state", "job_runs", ["state"])
    op.create_index("ix_job_runs_container_id", "job_runs", ["container_id"])
