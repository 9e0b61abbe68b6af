"""The Settings pages: the sender, the way mail leaves and how quickly, the people who may come in."""
