"""Training of the person nets: one module a concern, the commands beside this folder are thin."""
