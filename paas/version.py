"""The version of paas: the one place that says it (pyproject.toml reads it here)."""

VERSION = "0.1.0"
