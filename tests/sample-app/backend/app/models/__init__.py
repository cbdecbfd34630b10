"""The four models: plain functions, small enough to read, with the interfaces of the real ones."""
