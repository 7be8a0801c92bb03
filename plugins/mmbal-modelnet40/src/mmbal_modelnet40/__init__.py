"""ModelNet40 as two or more views of an object, for mmbal."""
