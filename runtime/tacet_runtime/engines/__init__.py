"""Engines and what drives them: each turns batches of messages into rows and accounts."""
