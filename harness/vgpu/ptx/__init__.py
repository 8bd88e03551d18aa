"""PTX text to a typed program: tokens, parser, control-flow graph."""
