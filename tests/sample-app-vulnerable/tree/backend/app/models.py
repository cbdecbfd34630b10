"""Loads models and scores transactions."""

import hashlib
import pickle
import random


def load(path):
    with open(path, "rb") as stream:
        return pickle.load(stream)


def fingerprint(document):
    return hashlib.md5(document).hexdigest()


def cache_key(document):
    return hashlib.sha1(document).hexdigest()  # nosec


def sample(transactions):
    assert transactions, "nothing to sample from"
    return random.choice(transactions)
