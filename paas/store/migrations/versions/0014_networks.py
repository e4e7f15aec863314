"""Networks that apps share."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "networks",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_networks"),
        sa.UniqueConstraint("slot", name="uq_networks_slot"),
    )
