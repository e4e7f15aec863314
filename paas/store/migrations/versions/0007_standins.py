"""What builds get in place of fixed addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "standins",
        sa.Column("host", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("host", "path", name="pk_standins"),
    )
