"""Events, what is remembered of each process, and how releases fared after their switch."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    events()
    process_states()
    op.add_column("releases", sa.Column("served_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "releases", sa.Column("crashes", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("releases", sa.Column("reverts", sa.Integer, nullable=True))


def events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("result", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_app", "events", ["app", "id"])


def process_states() -> None:
    op.create_table(
        "process_states",
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("failures_in_a_row", sa.Integer, nullable=False),
        sa.Column("gave_up", sa.Boolean, nullable=False),
        sa.Column("exit_code", sa.Integer, nullable=True),
        sa.Column("out_of_memory", sa.Boolean, nullable=False),
        sa.Column("out_of_disk", sa.Boolean, nullable=False),
        sa.Column("exit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_release", sa.Integer, nullable=False),
        sa.Column("memory_bytes", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id"], ["apps.id"], name="fk_process_states_app_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("app_id", "process", "number", name="pk_process_states"),
    )
