"""`python -m ops.cli` is `omniaxs`."""

from ops.cli.main import main

main()
