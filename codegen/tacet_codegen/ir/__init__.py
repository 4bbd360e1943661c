"""The hub: contracts as meant, and what follows from them alone."""
