"""The machine around the board: command line, card discovery, control socket, demo, bench."""
