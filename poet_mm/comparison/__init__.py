"""POET against associative embedding over backbone strides."""
