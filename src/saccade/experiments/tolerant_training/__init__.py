"""Whether a network can be trained to need less work in a tolerant stream at the same error. Beyond both papers."""
