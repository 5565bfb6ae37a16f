"""pycosign: an admission verifier for cosign and Sigstore signatures."""
