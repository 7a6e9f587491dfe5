"""What the readers of files raise at bytes that are not what the file's name says."""

__all__ = ["DAMAGE"]

import struct

DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
