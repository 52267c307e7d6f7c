"""Every error's reference has its paragraph."""

import runpy

from conftest import ROOT


def test_the_errors_page_is_what_the_error_classes_say() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "errors_page.py"))["page"]()
    assert (ROOT / "docs" / "errors.md").read_text() == written, "run `make docs`"
