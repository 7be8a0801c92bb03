"""`python -m mmbal`."""

from mmbal.cli import main

main()
