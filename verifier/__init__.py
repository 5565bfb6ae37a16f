"""What is decided, and how: the core, its contracts, the engine, the store and the servers."""
