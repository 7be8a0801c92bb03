"""The Keras model, its strategies and what they may ask of a network."""
