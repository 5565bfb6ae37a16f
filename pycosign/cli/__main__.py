"""``python -m pycosign.cli``, the same as the installed ``pycosign``."""

from pycosign.cli.main import main

main()
