"""Scanning everything, from the page of jobs."""

import pytest

from dockyard.server.jobs import history
from dockyard.server.trust import scan_schedule
from dockyard.server.trust.scan_schedule import ScanSchedule
from making.pushed import image

from .conftest import Town

pytestmark = pytest.mark.slow


def test_everything_is_scanned_from_the_page_and_by_its_schedule(town: Town) -> None:
    browser, database = town.browser("root"), town.instance.database
    assert "Every image was looked at." in browser.get("/jobs").body.decode()
    image(town.instance.registry, "team/web", "new")
    assert "1 image was not looked at yet" in browser.get("/jobs").body.decode()
    assert browser.send("/jobs", "scan", rematch="yes").status == 303
    job = history.jobs(database, name="scan-all", count=1)[0]
    assert (job.state, job.arguments) == ("waiting", {"rematch": True})
    assert browser.send("/jobs", "scan").status == 400
    assert "being looked at already" in browser.text
    assert browser.send("/jobs", "schedule", schedule="0 3 * * *", rematch="yes").status == 303
    found = scan_schedule.scheduled(database)
    assert found == ScanSchedule("0 3 * * *", True, found.next_at if found else 0)
    assert "by the schedule <code>0 3 * * *</code>" in browser.get("/jobs").body.decode()
    assert browser.page.wrong == []
    assert browser.send("/jobs", "schedule", schedule="").status == 303
    assert scan_schedule.scheduled(database) is None
