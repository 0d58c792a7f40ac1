"""How good it is: figures against truth, each printed by a command."""
