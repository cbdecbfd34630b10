"""The Financial Intelligence System's backend."""
