"""What another order of the lines would have saved."""

from dockyard.build.cache.explain import BASE_CHANGED
from dockyard.build.order import better
from dockyard.build.tools import StepReport


def step(line: int, text: str, why: str = "", seconds: float = 0.0) -> StepReport:
    return StepReport(line, text, not why, seconds, 0, why, "web")


def test_steps_below_a_changed_copy_could_have_stayed() -> None:
    (found,) = better(
        [
            step(2, "RUN apt-get update", "", 0.0),
            step(3, "COPY . /app", "file main.py changed", 0.2),
            step(4, "RUN pip install -r requirements.txt", BASE_CHANGED, 12.0),
            step(5, "ENV A=b"),
            step(6, "RUN make", BASE_CHANGED, 3.5),
        ]
    )
    assert (found.cause, list(found.lines), found.seconds) == (3, [4, 6], 15.5)
    assert "up to 15.5 s" in str(found)
    assert found.to_json()["stage"] == "web"


def test_an_argument_that_a_command_does_not_name_belongs_below_it() -> None:
    changed = "argument REVISION changed: 'a' became 'b'"
    steps = [
        step(2, "RUN make", changed, 4.0),
        step(3, "RUN make test", changed, 2.0),
        step(4, "RUN echo $REVISION", changed, 1.0),
        step(5, "RUN make install", BASE_CHANGED, 0.5),
    ]
    (found,) = better(steps)
    assert (found.argument, list(found.lines), found.seconds) == ("REVISION", [2, 3, 5], 6.5)
    assert "ARG REVISION" in str(found)
    assert better([step(2, "RUN make $REVISION", changed, 4.0)]) == []


def test_a_variable_is_called_by_its_own_instruction() -> None:
    changed = "argument MODE changed: 'a' became 'b'"
    (found,) = better([step(2, "ENV MODE=b"), step(3, "RUN make", changed, 4.0)])
    assert (found.argument, list(found.lines)) == ("MODE", [3])
    assert "with ENV MODE below" in str(found)


def test_nothing_is_advised_where_nothing_would_be_saved() -> None:
    assert better([step(2, "RUN make", "the instruction changed: 'a' became 'b'", 9.0)]) == []
    assert better([step(2, "COPY a b", "file a changed"), step(3, "RUN make", BASE_CHANGED, 0.01)]) == []
    assert better([step(2, "RUN make", BASE_CHANGED, 9.0)]) == []
    assert better([]) == []
