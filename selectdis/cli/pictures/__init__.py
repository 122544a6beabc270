"""Commands for somebody who has pictures: a pick, and the codes of a trained run."""
