"""``python -m cluster.cli``: the same as ``dome``, where only the interpreter is known."""

from cluster.cli import app

if __name__ == "__main__":
    app(prog_name="dome")
