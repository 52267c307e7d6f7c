"""`[deploy]` and `[health]`: time spans, and what is read but cannot be carried out."""

import pytest

from dockyard.deploy.settings import (
    DeploySettings,
    DurationInvalidError,
    HealthSettings,
    TargetUnsupportedError,
    check,
    seconds,
)


@pytest.mark.parametrize(
    ("text", "length"), [("500ms", 0.5), ("5s", 5.0), ("1.5s", 1.5), ("2m", 120.0), ("1m30s", 90.0), ("1h", 3600.0)]
)
def test_a_time_span_is_a_number_with_its_unit(text: str, length: float) -> None:
    assert seconds(text) == pytest.approx(length)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5d", "1m 30s", "5s\n"])
def test_anything_else_is_no_time_span(text: str) -> None:
    with pytest.raises(DurationInvalidError):
        seconds(text)


def test_a_target_or_strategy_that_does_not_work_yet_is_refused_by_name() -> None:
    check(DeploySettings(), HealthSettings())
    for settings in (DeploySettings(target="cluster"), DeploySettings(strategy="canary")):
        with pytest.raises(TargetUnsupportedError, match=r"cluster|canary"):
            check(settings, HealthSettings())


@pytest.mark.parametrize(
    ("deploy", "health", "place"),
    [
        (DeploySettings(drain="long"), HealthSettings(), "[deploy] drain is 'long'"),
        (DeploySettings(stop="5"), HealthSettings(), "[deploy] stop is '5'"),
        (DeploySettings(), HealthSettings(interval=""), "[health] interval is ''"),
        (DeploySettings(), HealthSettings(timeout="1d"), "[health] timeout is '1d'"),
        (DeploySettings(), HealthSettings(deadline="-1s"), "[health] deadline is '-1s'"),
    ],
)
def test_a_wrong_time_span_is_named_with_its_place(deploy: DeploySettings, health: HealthSettings, place: str) -> None:
    with pytest.raises(DurationInvalidError) as caught:
        check(deploy, health)
    assert caught.value.message.startswith(place)
