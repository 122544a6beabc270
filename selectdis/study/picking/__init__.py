"""What is trained on a target, how long that takes, and the evidence in the place of a proxy of one's own."""
