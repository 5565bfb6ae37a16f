"""What checks the cryptography of a signature. Each engine is the one door to what stands behind it."""
