"""Long text in little room."""

from dockyard._internal.cut import cut


def test_what_fits_stays_as_it_is_and_the_rest_ends_with_an_ellipsis() -> None:
    assert cut("layer", 5) == "layer"
    assert cut("layers", 5) == "laye…"
