"""Compare POET with other methods that need no person detector."""
