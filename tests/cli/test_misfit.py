"""Words that fit nothing: each is refused in our words, with the nearest that would fit."""

import pytest

from dockyard.cli.main import run

WRONG = [
    (["biuld"], "there is no command 'biuld'", "`dockyard build`"),
    (["ps"], "there is no command 'ps'", "`dockyard status`"),
    (["rmi", "x"], "there is no command 'rmi'", "`dockyard rm`"),
    (["registry", "usr", "list"], "there is no command 'registry usr'", "`dockyard registry user`"),
    (["registry", "zzzz"], "there is no command 'registry zzzz'", "`dockyard registry --help`"),
    (["help", "biuld"], "there is no command 'biuld'", "`dockyard build`"),
    (["--verson"], "no option --verson before the command", "`dockyard --version`"),
    (["-q", "images"], "no option -q before the command", "dockyard images -q"),
    (["images", "extra"], "dockyard images does not take 'extra'", "dockyard images --help"),
    (["build", "--tga", "x"], "dockyard build has no option --tga", "Did you mean --tag?"),
    (["save", "--ouput=x", "a"], "dockyard save has no option --ouput", "Did you mean --output?"),
    (["load", "x.tar"], "dockyard load does not take 'x.tar'", "dockyard load -i FILE"),
    (["inspect"], "NAME is missing", "dockyard inspect --help"),
    (["tag", "a"], "TARGET is missing", "dockyard tag --help"),
    (["sign", "a"], "--key is missing", "dockyard sign --help"),
    (["build", "--target"], "--target needs a value", "dockyard build --help"),
    (["lint", "--format", "yaml"], 'Invalid value "yaml" for --format. Choose from: "text"', "dockyard lint --help"),
    (["deploy", "a", "--port", "http"], 'Invalid value for --port: unable to convert "http"', "dockyard deploy --help"),
]


@pytest.mark.parametrize(("words", "said", "hint"), WRONG, ids=[" ".join(words) for words, _, _ in WRONG])
def test_words_that_fit_nothing(words: list[str], said: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    text = capsys.readouterr().err
    assert said in text
    assert hint in text.partition("hint:")[2]
