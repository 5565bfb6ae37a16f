"""Where trust and policy come from: the questions a provider is asked and the values it returns.

This package is a leaf. It imports neither ``verifier`` nor ``pycosign``, so a provider can be written
and tested against it alone.
"""
