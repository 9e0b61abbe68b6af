"""What is wrong with an installation, and what to do about it: `examine` asks, each check answers with findings."""
