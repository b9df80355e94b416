"""Compare POET with associative embedding over backbone strides."""
