"""What is published with selectdis, what of one's own stands beside it, and what is tried on both."""
