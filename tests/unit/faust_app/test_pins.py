"""The check that the installed Faust is the one that the batch transport was proved with."""

import pytest
from faust.transport.consumer import Consumer

from streams.app.pins import FAUST_VERSION, FaustIncompatible, check_faust


def test_the_installed_faust_has_every_name() -> None:
    check_faust()
    check_faust(FAUST_VERSION)


def test_another_version_is_refused_in_words() -> None:
    with pytest.raises(FaustIncompatible, match=r"faust-streaming 0\.15\.3 is needed, 0\.16\.0 is installed"):
        check_faust("0.16.0")


def test_a_name_that_has_gone_is_named() -> None:
    with pytest.raises(FaustIncompatible, match=r"has no Consumer\._wait_for_nothing: install"):
        check_faust(needed=((Consumer, ("getmany", "_acked", "_wait_for_nothing")),))
