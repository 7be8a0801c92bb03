"""Several runs -> arms, what tells them apart, and what follows: did it help, and how sure is it?

`compare_records` makes a `Comparison`, a tree of plain values that tables and pages render.
"""
