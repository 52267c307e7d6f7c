"""The registry's pages in Chromium, with images that a real client built and pushed."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from making.receivers import Receiver
from making.serving import Server
from making.town import PASSWORD, Town
from making.webdriver import ENTER, SPACE, TAB, WebDriver

Find = Callable[[str], str]
RECORDS = [ROOT / "tests" / "scan" / "alpine-3.16", ROOT / "examples" / "shop" / "advisories"]
# Idle, with every page loaded: the whole of the process as the kernel counts it.
MOST_MB = 100
PLAIN = (
    *("/projects", "/jobs", "/storage", "/quotas", "/exemptions", "/labels", "/users", "/groups", "/robots", "/audit"),
    *("/webhooks", "/keyless", "/replication", "/search"),
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    shared = ROOT.parent / "shared" / "data"
    if not (shared / "images" / "alpine-minirootfs-3.16.9-x86_64.tar.gz").exists():
        pytest.skip(f"no root file systems in {shared}")
    made = Town(tmp_path_factory.mktemp("town"), shared, RECORDS)
    made.users("root", "ada")
    made.feed()
    made.bases()
    settings = made.folder / "registry.toml"
    settings.write_text("[webhooks]\nprivate-addresses = true\n")
    server = Server(made.folder, f"--config={settings}", port=made.port, environment=made.environment)
    try:
        yield made
    finally:
        server.stop()


@pytest.fixture(scope="module")
def chromium(program_of: Find) -> Iterator[WebDriver]:
    with WebDriver(program_of("chromedriver"), program_of("chromium")) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def browser(chromium: WebDriver, town: Town) -> WebDriver:
    """One that is logged in as root."""
    chromium.scripts(True)
    chromium.viewport(1280, 900)
    chromium.open(town.url + "/me")
    if "/login" in chromium.url:
        enter(chromium, "root")
    return chromium


def enter(browser: WebDriver, name: str) -> None:
    browser.type("[name=name]", name)
    browser.type("[name=password]", PASSWORD)
    browser.follow(browser.find("button[value=login]"))
    browser.find("button[value=logout]")


def seen(browser: WebDriver, url: str, text: str, seconds: float = 30) -> None:
    """Look at a page until it has the text: scanning takes a moment."""
    deadline = time.monotonic() + seconds
    while True:
        browser.open(url)
        if text in browser.text:
            return
        assert time.monotonic() < deadline, f"{text!r} is not on {url}:\n{browser.text}"
        time.sleep(0.5)


def test_from_an_empty_registry_to_a_pushed_image_its_findings_and_a_denied_pull(
    browser: WebDriver, town: Town
) -> None:
    browser.open(town.url)
    assert "No projects yet" in browser.text
    browser.type("[name=name]", "shop")
    browser.follow(browser.find("button[value=make]"))
    assert "Project shop is made." in browser.text
    assert f"docker push {town.host}/shop/" in browser.text

    town.dockyard("login", town.host, "--username", "root", "--password-stdin", said=PASSWORD)
    town.push(town.build("1.0.0"), "shop/web:1.0.0")
    town.push(town.build("1.1.0", packages={"werkzeug": "3.1.3"}), "shop/web:1.1.0")
    town.dockyard("keygen", "--output-key-prefix", "cosign")
    town.dockyard("sign", f"{town.host}/shop/web:1.1.0", "--key", "cosign.key")

    seen(browser, f"{town.url}/image/shop/web:1.0.0/findings", "CVE-2023-46136")
    assert "CVE-2025-26519" in browser.text
    browser.open(f"{town.url}/projects/shop")
    browser.follow(browser.link("shop/web"))
    assert "1.0.0" in browser.text
    assert "linux/amd64" in browser.text
    assert "signed" in browser.text
    browser.follow(browser.link("1.0.0"))
    assert "COPY app /srv/app" in browser.text
    assert f"podman pull {town.host}/shop/web:1.0.0" in browser.text
    assert float(browser.value("return document.querySelector('.layers').getBoundingClientRect().width")) > 300
    browser.follow(browser.link("Packages"))
    assert "busybox" in browser.text
    assert "werkzeug" in browser.text
    assert browser.value("return (await fetch(location.pathname.replace('packages', 'sbom/spdx'))).status") == 200

    browser.open(f"{town.url}/projects/shop/policy")
    browser.value("document.querySelector('[name=severity]').value = 'high'")
    browser.type("[name=grace]", "0")
    browser.follow(browser.find("button[value=set]"))
    assert "The policy holds" in browser.text
    browser.open(f"{town.url}/image/shop/web:1.0.0")
    assert "Denied by the project" in browser.text
    with pytest.raises(AssertionError, match="status: 403"):
        town.dockyard("pull", f"{town.host}/shop/web:1.0.0")
    browser.open(f"{town.url}/projects/shop/policy")
    browser.follow(browser.find("button[value=clear]"))
    assert "No policy" in browser.text


def test_a_dry_run_shows_what_would_go_and_a_run_removes_it(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/projects/shop/retention")
    browser.type("[name=amount]", "1")
    browser.follow(browser.find("button[value=add]"))
    browser.follow(browser.link("Show what would go"))
    assert "1 image" in browser.text
    assert "1.0.0" in browser.text
    browser.follow(browser.find("button[value=run]"))
    seen(browser, f"{town.url}/projects/shop/retention", "Past runs")
    browser.open(f"{town.url}/repository/shop/web")
    assert "1.1.0" in browser.text
    assert "1.0.0" not in browser.text


def test_a_robot_made_on_the_page_logs_in_with_a_real_client(browser: WebDriver, town: Town, program: Find) -> None:
    browser.open(f"{town.url}/projects/shop/robots")
    browser.type("[name=name]", "ci")
    browser.follow(browser.find("button[value=add]"))
    secret = re.search(r"dyr_[\w-]+", browser.text)
    assert secret is not None
    words = [program("skopeo"), "inspect", "--tls-verify=false", "--creds", f"robot+shop+ci:{secret[0]}"]
    done = subprocess.run([*words, f"docker://{town.host}/shop/web:1.1.0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    browser.open(f"{town.url}/projects/shop/robots")
    assert "dyr_" not in browser.text


def test_a_robot_s_rights_and_a_quota_are_changed_on_their_pages(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/projects/shop/robots")
    browser.follow(browser.link("robot+shop+ci"))
    browser.type("[name=repositories-0]", " shop/api-*")
    browser.value("document.querySelector('[name=actions-0][value=push]').click()")
    browser.follow(browser.find("button[value=change]"))
    assert "The robot is changed." in browser.text
    assert browser.value("return document.querySelector('[name=repositories-0]').value").endswith("shop/api-*")
    assert browser.value("return document.querySelectorAll('[name=actions-0]:checked').length") == 2
    browser.open(f"{town.url}/quotas?q=shop")
    browser.type("[name=most]", "1.5GB")
    browser.follow(browser.find("button[value=set]"))
    assert "shop may hold 1.5 GB from now on." in browser.text
    browser.open(f"{town.url}/quotas?q=shop")
    browser.value("document.querySelector('[name=most]').value = ''")
    browser.follow(browser.find("button[value=set]"))
    assert "shop may hold as much as there is room for." in browser.text


def test_everything_is_scanned_when_asked_on_the_page_of_jobs(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/jobs")
    assert "Every image was looked at." in browser.text
    browser.value("document.querySelector('[name=rematch]').click()")
    browser.follow(browser.find("button[value=scan]"))
    assert re.search(r"Job \d+ looks at everything that is stored.", browser.text)
    seen(browser, f"{town.url}/jobs?name=scan-all&state=done", "images ")


def test_a_webhook_made_on_the_page_is_tried_and_hears_of_a_push(
    browser: WebDriver, town: Town, receiver: Receiver
) -> None:
    browser.open(f"{town.url}/projects/shop/webhooks")
    assert "No webhooks" in browser.text
    browser.type("[name=url]", "nothing")
    browser.value("document.querySelector('[name=url]').type = 'text'")
    browser.follow(browser.find("button[value=add]"))
    assert "not a webhook" in str(browser.value("return document.querySelector('[name=url] + .fault').textContent"))
    browser.value("document.querySelector('[name=url]').value = ''")
    browser.type("[name=url]", receiver.url)
    browser.follow(browser.find("button[value=add]"))
    assert "whsec_" in browser.text
    browser.follow(browser.link("Try the webhook"))
    browser.follow(browser.find("button[value=test]"))
    assert "The receiver took it" in browser.text
    address = browser.url
    town.push(town.build("1.1.1"), "shop/web:1.1.1")
    seen(browser, f"{address}?state=done", "push")
    assert {request.headers["webhook-id"] for request in receiver.requests}
    browser.open(address)
    browser.value("document.querySelector('details').open = true")
    assert "specversion" in browser.text


def test_a_rule_of_replication_shows_what_it_would_copy_and_copies_it(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/replication")
    for name, text in {
        "name": "beside",
        "registry": town.host,
        "username": "root",
        "password": PASSWORD,
    }.items():
        browser.type(f"[name={name}]", text)
    browser.value("document.querySelector('[name=repositories]').value = 'shop/web'")
    browser.value("document.querySelector('[name=target]').value = 'shop/copy-{last}'")
    browser.follow(browser.find("button[value=add]"))
    browser.follow(browser.find("button[value=rehearse]"))
    assert "shop/copy-web" in browser.text
    assert "Nothing was changed" in browser.text
    browser.follow(browser.find("button[value=run]"))
    seen(browser, f"{town.url}/replication/beside", "done", 60)
    browser.open(f"{town.url}/search?q=copy-web")
    browser.follow(browser.link("shop/copy-web"))
    assert "1.1.0" in browser.text


def test_a_search_leads_from_an_advisory_to_its_images_and_the_record_is_whole(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/projects")
    browser.type(".seek [name=q]", "CVE-2023-46136")
    browser.press(ENTER)
    seen(browser, f"{town.url}/search?q=CVE-2023-46136", "werkzeug")
    browser.follow(browser.link("shop/web"))
    assert "CVE-2023-46136" in browser.text
    browser.open(f"{town.url}/audit")
    browser.follow(browser.find("button[value=prove]"))
    assert "Whole." in browser.text


def test_a_tag_is_removed_after_a_second_look(browser: WebDriver, town: Town) -> None:
    browser.open(f"{town.url}/repository/shop/web")
    town.push(town.build("9.9.9"), "shop/web:9.9.9")
    browser.open(f"{town.url}/repository/shop/web?q=9.9.9")
    assert "Yes, remove" not in browser.text
    browser.value("document.querySelector('details.sure').open = true")
    browser.follow(browser.find("button[value=delete-tag]"))
    assert "Tag 9.9.9 is removed." in browser.text


def test_chosen_tags_are_removed_together_after_one_confirmation(browser: WebDriver, town: Town) -> None:
    for tag in ("9.1.0", "9.2.0"):
        town.push(town.build(tag), f"shop/web:{tag}")
    browser.open(f"{town.url}/repository/shop/web?q=9.")
    browser.follow(browser.find("button[value=choose]"))
    assert "nothing is chosen" in browser.text
    browser.open(f"{town.url}/repository/shop/web?q=9.")
    browser.value("document.querySelector('[data-all]').click()")
    assert browser.value("return document.querySelectorAll('[name=chosen]:checked').length") == 2
    browser.follow(browser.find("button[value=choose]"))
    assert "This removes 2 tags and 2 images." in browser.text
    assert re.search(r"It releases [\d.]+ k?B when the grace period is over", browser.text)
    browser.viewport(360, 740, phone=True)
    assert int(browser.value("return document.documentElement.scrollWidth")) <= 360
    script = Path(__file__).with_name("contrast.js").read_text()
    for dark in (False, True):
        browser.viewport(1280, 900, dark=dark)
        time.sleep(0.3)  # the page's colours change with a transition, and it cannot be opened anew
        assert browser.value(script) == []
    browser.follow(browser.find("button[value=remove-chosen]"))
    assert "Removed: 2 tags and 2 images." in browser.text
    browser.open(f"{town.url}/repository/shop/web?q=9.")
    assert "No such tag" in browser.text


def test_everything_can_be_done_with_the_keyboard_alone(chromium: WebDriver, town: Town) -> None:
    chromium.viewport(1280, 900)
    chromium.open(town.url + "/projects")
    if "/login" not in chromium.url:
        chromium.follow(chromium.find("button[value=logout]"))
        chromium.open(town.url + "/login")
    focus = "return document.activeElement.name || document.activeElement.textContent.trim()"
    assert chromium.value(focus) == "name"
    chromium.press("root", TAB, PASSWORD, ENTER)
    chromium.find("button[value=logout]")
    chromium.open(town.url + "/projects")
    chromium.press(TAB)
    assert chromium.value(focus) == "Skip to the page"
    outline = chromium.value("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    chromium.press(ENTER, TAB, TAB, TAB)
    assert chromium.value(focus) == "shop"
    chromium.press(ENTER)
    chromium.find(".tabs")
    for _ in range(40):
        chromium.press(TAB)
        if chromium.value(focus) == "Settings":
            break
    chromium.press(ENTER)
    chromium.find("[name=visibility]")
    for _ in range(40):
        chromium.press(TAB)
        if chromium.value(focus) == "visibility":
            break
    chromium.press("\ue015")  # arrow down: the other choice
    chromium.press(TAB, SPACE)
    chromium.find("[role=status]")
    assert "shop is now public" in chromium.text


def test_no_page_scrolls_sideways_on_a_phone(browser: WebDriver, town: Town) -> None:
    chart = town.artifact("shop/chart", "1.0.0", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    long = town.artifact("shop/" + "long-name/" * 12 + "x" * 80, "1" * 120, "application/" + "x" * 80)
    browser.viewport(360, 740, phone=True)
    paths = [
        "",
        "/settings",
        "/members",
        "/robots",
        "/keyless",
        "/webhooks",
        "/tag-rules",
        "/retention?dry=1",
        "/policy",
        "/audit",
    ]
    image = "/image/shop/web:1.1.0"
    wide = []
    for path in (
        *("/projects/shop" + each for each in paths),
        "/projects",
        "/repository/shop/web",
        *(image + each for each in ("", "/packages", "/findings", "/referrers")),
        *(
            "/jobs",
            "/storage",
            "/quotas",
            "/exemptions",
            "/users",
            "/groups",
            "/robots",
            "/robots/robot+shop+ci",
            "/audit",
            "/me",
        ),
        *("/webhooks", "/webhooks/1", "/keyless", "/replication", "/replication/beside", "/replication/runs/1"),
        *("/search?q=web", "/search?q=CVE-2023-46136", "/repository/shop/chart", "/nowhere/" + "x" * 80),
        *(f"/image/{chart}", f"/image/{long}", f"/repository/{long.partition(':')[0]}"),
    ):
        browser.open(town.url + path)
        # A phone shows a page that is too wide as if from afar, so its own width is no measure.
        page = int(browser.value("return document.documentElement.scrollWidth"))
        if page > 360:
            wide.append((path, page))
    assert wide == []


def test_pages_work_without_scripts_and_searching_needs_none(browser: WebDriver, town: Town) -> None:
    browser.scripts(False)
    try:
        browser.open(f"{town.url}/repository/shop/web")
        browser.type("main [name=q]", "1.1")
        browser.follow(browser.find("main form[role=search] button"))
        assert "1.1.0" in browser.text
        browser.type("main [name=q]", "nowhere")
        browser.follow(browser.find("main form[role=search] button"))
        assert "No such tag" in browser.text
    finally:
        browser.scripts(True)


def test_with_scripts_the_list_follows_what_is_typed_and_nothing_breaks_the_policy(
    browser: WebDriver, town: Town
) -> None:
    browser.open(f"{town.url}/repository/shop/web")
    browser.type("main [name=q]", "nowhere")
    deadline = time.monotonic() + 10
    while "No such tag" not in browser.text and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "No such tag" in browser.text
    browser.open(f"{town.url}/image/shop/web:1.1.0")
    assert browser.value("return document.querySelectorAll('.copy button').length") >= 3
    blocked = "return performance.getEntriesByType('resource').filter(each => each.responseStatus >= 400).length"
    assert browser.value(blocked) == 0


def test_texts_stand_out_from_their_ground_in_light_and_dark(browser: WebDriver, town: Town) -> None:
    """Contrast by WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    script = Path(__file__).with_name("contrast.js").read_text()
    for dark in (False, True):
        browser.viewport(1280, 900, dark=dark)
        for path in (
            *("/projects/shop", "/repository/shop/web", "/image/shop/web:1.1.0/findings", "/jobs", "/storage"),
            *("/webhooks/1", "/replication/beside", "/projects/shop/policy", "/search?q=web", "/audit"),
            *("/quotas", "/robots/robot+shop+ci", "/exemptions"),
        ):
            browser.open(town.url + path)
            assert browser.value(script) == [], (path, dark)


def test_the_idle_server_with_all_pages_loaded_is_small(tmp_path: Path, chromium: WebDriver) -> None:
    server = Server(tmp_path)
    try:
        for path in PLAIN:
            chromium.open(f"http://{server.address}{path}")
            assert "There are no accounts" in chromium.text
        rollup = Path(f"/proc/{server.child.pid}/smaps_rollup").read_text()
        shared = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        assert shared is not None
        assert int(shared[1]) / 1024 < MOST_MB
    finally:
        server.stop()
