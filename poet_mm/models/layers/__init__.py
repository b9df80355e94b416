"""Parts of the heads, one for each word of the paper's figure."""
