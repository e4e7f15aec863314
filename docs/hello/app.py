"""The smallest web app worth deploying."""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return f"Hello from {os.environ.get('DYNO', 'your machine')}.\n"
