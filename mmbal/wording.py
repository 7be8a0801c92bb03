"""How lines for people are put."""


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 epoch", "1,200 epochs"."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
