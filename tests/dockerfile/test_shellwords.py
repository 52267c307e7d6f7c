"""Reading scripts into commands: what a shell would run, whatever surrounds it, and nothing that hangs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.dockerfile.lint.shellwords import braces, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b && c || d; e & f\ng", "a b,c,d,e,f,g"),
        ("(cd a && b)", "cd a,b"),
        ("{ a; }", "a"),
        ("! a", "a"),
        ("if a; then b; elif c; then d; else e; fi", "a,b,c,d,e"),
        ("while read x; do y; done < z", "read x,y"),
        ("for i in a b; do cd $i; done", "cd $i"),
        ("case $x in a|b) c;; (d) e; f;; *) g | h;; esac; i", "c,e,f,g,h,i"),
        ("f() { a; }; function g { b; }; g", "a,b,g"),
        ("x=$(curl a) y", "curl a,x=$(curl a) y"),
        ('echo "$(ls `x`)" \'$(y)\' "|"', "x,ls `x`,echo $(ls `x`) $(y) |"),
        ("a <(b) >(c)", "b,c,a <(b) >(c)"),
        ("a > b 2>&1 >/dev/null < c &> d e", "a e"),
        ("a 2>x b >&2 c", "a b c"),
        ("a # b; c\nd", "a,d"),
        ("a#b", "a#b"),
        ("a \\\n b\\ c", "a b c"),
        ("a=(1 2) b", "a=(1 2) b"),
        ("echo $((1|2)) ${A:-|;}", "echo $((1|2)) ${A:-|;}"),
        ("[[ a && b || c ]] && d", "[[ a & & b | | c ]],d"),
        ("echo a\\|b 'c|d' \"e|f\"", "echo a|b c|d e|f"),
        ("echo 'open", "echo open"),
        ('echo "open $(a', "a,echo open $(a"),
        ("a ) b", "a,b"),
        ("'if' a", "if a"),
        ("cat <<E > x; a\nb\nE\nc", "cat,a,c"),
        ("cat <<-'E' <<F\nb\n\t\tE\nd\nF\nc", "cat,c"),
        ("a <<E | bash -e\nb\nE\nc", "a,bash -e,c"),
        ("bash -e <<E\nb; d\nE\nc", "bash -e,b,d,c"),
        ("x <<E /bin/sh\nb\nE", "x /bin/sh,b"),
        ("bash file <<E\nb\nE", "bash file"),
        ("x=$(cat <<E\nb\nE\n) c", "cat,x=$(cat <<E\nb\nE\n) c"),
        ("cat <<E\nb", "cat"),
        ("a <<< b\nc", "a,c"),
    ],
)
def test_the_commands_of_a_script(text: str, expected: str) -> None:
    assert ",".join(" ".join(words) for words in read(text).commands) == expected


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("a | b", [1]),
        ("a |& b", [1]),
        ("a; b | c | d", [2, 3]),
        ("a || b", []),
        ("a >| b", []),
        ("case x in a|b) c;; esac", []),
        ("echo a\\|b 'c|d' # e | f", []),
        ("x=$(a | b)", [1]),
        ("[[ a || b ]]", []),
    ],
)
def test_the_pipes_of_a_script(text: str, before: list[int]) -> None:
    assert read(text).pipes == before


PARTS = [*"ab |&;()<>{}$`'\"\\\n#=![]", "case ", " in ", "esac", "$(", "${", "$((", "<<", "[[ "]


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_any_text_can_be_read(text: str) -> None:
    found = read(text)
    assert all(words and all(isinstance(word, str) for word in words) for words in found.commands)
    assert all(0 <= count <= len(found.commands) for count in found.pipes)


@pytest.mark.parametrize(
    "part", ["(", "$(", "`", "${", "$((", "a\\a", '"', "a", "case x in ", "<(", "[[ ", "a=(", "f()", "{"]
)
def test_long_scripts_take_no_long_time(part: str) -> None:
    begun = time.process_time()
    read(part * (200_000 // len(part)))
    assert time.process_time() - begun < 5


def test_lists_in_braces_are_written_out() -> None:
    assert braces("rm -rf /var/{cache,lib}/apt") == "rm -rf /var/cache/apt rm -rf /var/lib/apt"
    assert braces("echo {a}") == "echo {a}"
