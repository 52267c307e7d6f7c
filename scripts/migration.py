"""Write the next revision of the database's schema: what the tables in `schema/` have and the newest one has not.

`make migration` runs it (`make migration NOTE="Add the table of rules"`). Read what it wrote; it cannot know about data
that has to move. `--anew` writes the first revision again, which may be done only before it was released.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import dockyard.server.migrations as folder
from dockyard.server import migrating
from dockyard.server.schema.every import metadata

FOLDER = Path(next(iter(folder.__path__)))


def main() -> int:
    """Write the revision and make it the head."""
    anew = "--anew" in sys.argv
    note = next((word for word in sys.argv[1:] if not word.startswith("-")), "Begin" if anew else "Change the tables")
    if anew:
        for old in (FOLDER / "versions").glob("r*.py"):
            old.unlink()
    known = sorted(path.stem[1:] for path in (FOLDER / "versions").glob("r*.py"))
    number = f"{int(known[-1]) + 1 if known else 1:04d}"
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "r%%(rev)s")
    with tempfile.TemporaryDirectory() as scratch:
        engine = create_engine(f"sqlite:///{scratch}/registry.db")
        if known:
            migrating.migrate(engine)
        with engine.connect() as connection:
            config.attributes.update(connection=connection, batch=bool(known))
            command.revision(config, note, autogenerate=True, rev_id=number)
        engine.dispose()
    path = FOLDER / "versions" / f"r{number}.py"
    path.write_text(_portable(path.read_text()))
    module = Path(migrating.__file__)
    module.write_text(re.sub(r'^HEAD = ".*"$', f'HEAD = "{number}"', module.read_text(), flags=re.MULTILINE))
    for words in (["format", "-q"], ["check", "-q", "--fix"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *words, str(path)], check=True)
    print(f"{path}: {len(metadata().tables)} tables; read it before it goes in")
    return 0


def _portable(text: str) -> str:
    """Types as `schema.tables` has them: they differ between the databases, which Alembic does not write down."""
    text = re.sub(r"sa\.String\(length=(\d+), collation='C'\)\.with_variant\([^\n]*?, 'sqlite'\)", r"ordered(\1)", text)
    text = re.sub(r"sa\.BigInteger\(\)\.with_variant\(sa\.Integer\(\), 'sqlite'\)", "number()", text)
    # The convention for names leaves alone what has one, so nothing needs to be marked.
    text = re.sub(r"(?:op|batch_op)\.f\(('[^']+')\)", r"\1", text).replace(", unique=False)", ")")
    if "drop_table" in text and "add_column" not in text:
        # A table takes its indexes with it.
        text = re.sub(r"^ *op\.drop_index\([^\n]*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^ *# ###.*\n", "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
