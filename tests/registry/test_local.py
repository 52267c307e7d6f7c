"""What is this machine, where plain HTTP is the custom."""

import pytest

from dockyard.registry.local import is_local


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1", "127.8.9.1:5000", "[::1]", "[::1]:5000", "[0:0::1]:5000"]
)
def test_this_machine_s_own_names_and_addresses_are_known(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "registry.example",
        "localhost.example",
        "127.0.0.1.example:5000",
        "127.1",
        "128.0.0.1",
        "0.0.0.0",
        "[::2]:5000",
        "[::ffff:128.0.0.1]",
        "[bad",
        "\0",
    ],
)
def test_no_other_host_passes_for_this_machine(host: str) -> None:
    assert not is_local(host)
