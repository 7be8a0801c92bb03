"""A comparison and its runs -> one HTML file that needs nothing but itself."""
