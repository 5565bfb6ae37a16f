"""Generated from ``proto/verifier/v1/verifier.proto`` by ``make proto``; never edited."""
