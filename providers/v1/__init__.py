"""Generated from ``proto/providers/v1/providers.proto`` by ``make proto``; never edited."""
