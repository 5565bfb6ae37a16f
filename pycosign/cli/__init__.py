"""The command ``pycosign``. Each sub-command is a module of its own, imported when it is asked for."""
