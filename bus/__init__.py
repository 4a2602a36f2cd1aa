"""The card author's whole API: cycles, Card, Backplane, slots, lines, clock, errors."""
