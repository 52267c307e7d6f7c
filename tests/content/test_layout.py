"""What is particular to the store in a folder; what it shares with others is in `test_stores`."""

from pathlib import Path

from dockyard.content.layout import Layout


def test_an_ingest_that_nobody_closes_leaves_nothing(tmp_path: Path) -> None:
    """As where an interrupt comes right after it was begun."""
    store = Layout(tmp_path, create=True)
    ingest = store.ingest()
    ingest._file.close()
    del ingest
    assert not any((tmp_path / "ingest").iterdir())
