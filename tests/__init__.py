"""What the house promises as a whole, and the fakes of the world around it."""
