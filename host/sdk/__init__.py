"""A card author's tools: new, build, check, run; and what cards in C are compiled with."""
