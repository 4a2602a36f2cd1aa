"""Chips and cards, one a file, named by what is printed on them."""
