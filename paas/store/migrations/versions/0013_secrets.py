"""Secrets that are handed on: logins at git servers, the deploy key, webhooks'."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "secrets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app_id", sa.Integer, nullable=True),
        sa.Column("namespace", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("sealed", sa.String, nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"], ["apps.id"], name="fk_secrets_app_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("app_id", "namespace", "key", name="uq_secrets_app_id_namespace_key"),
    )
    op.create_index(
        "uq_secrets_global",
        "secrets",
        ["namespace", "key"],
        unique=True,
        sqlite_where=sa.text("app_id IS NULL"),
        postgresql_where=sa.text("app_id IS NULL"),
    )
