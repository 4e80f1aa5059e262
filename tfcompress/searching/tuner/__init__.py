"""What meets keras-tuner: the space in its words, its oracles as a search asks them, and the door for its users."""
