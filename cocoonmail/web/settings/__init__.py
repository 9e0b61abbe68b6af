"""The Settings pages: the sender, the way mail leaves, the people who may come in."""
