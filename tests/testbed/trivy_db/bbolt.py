"""Writes a bbolt database file: the format that Trivy keeps its vulnerability database in.

Source of every offset and constant: go.etcd.io/bbolt v1.5.0, internal/common/{page,meta,bucket,types}.go.

A file is pages of 4,096 bytes: two meta pages, the list of free pages (none here), then one leaf page for each bucket,
which runs over into the following pages where its content is larger. bbolt splits such a leaf into a tree for faster
writes; readers don't need that, and this file is only read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Union

Bucket = Mapping[bytes, Union[bytes, "Bucket"]]

PAGE_SIZE = 4096
MAGIC = 0xED0CDAED
VERSION = 2
LEAF_PAGE, META_PAGE, FREELIST_PAGE = 0x02, 0x04, 0x10
BUCKET_ENTRY = 0x01
FREELIST_ID = 2
FIRST_DATA_ID = 3
MAX_KEYS = 0xFFFF
"""A page counts its elements in 16 bits."""

PAGE_HEADER = struct.Struct("<QHHI")
"""id, flags, count, overflow (how many pages follow as part of this one)"""
LEAF_ELEMENT = struct.Struct("<IIII")
"""flags, position of the key from this element's start, key size, value size"""
BUCKET_HEADER = struct.Struct("<QQ")
"""page of the bucket's root, sequence"""
META = struct.Struct("<IIII16sQQQ")
"""magic, version, page size, flags, root bucket, freelist page, pages in the file, transaction"""


def encode(root: Bucket) -> bytes:
    """The whole file. Keys are bytes; a value is bytes or another bucket."""
    pages = _Pages()
    root_id = pages.add_bucket(root)
    end = FIRST_DATA_ID + len(pages.data) // PAGE_SIZE
    head = b"".join(_meta_page(number, root_id, end) for number in (0, 1))
    head += PAGE_HEADER.pack(FREELIST_ID, FREELIST_PAGE, 0, 0).ljust(PAGE_SIZE, b"\0")
    return head + bytes(pages.data)


class _Pages:
    def __init__(self) -> None:
        self.data = bytearray()

    def add_bucket(self, bucket: Bucket) -> int:
        """Appends the bucket's page, those of the buckets in it first, and returns its id."""
        if len(bucket) > MAX_KEYS:
            raise ValueError(f"a bucket holds at most {MAX_KEYS} keys here, not {len(bucket)}")
        elements, content = bytearray(), bytearray()
        # bbolt finds keys by binary search.
        for index, (key, value) in enumerate(sorted(bucket.items())):
            if not key:
                raise ValueError("a key can't be empty")
            flags = 0
            if not isinstance(value, bytes):
                flags, value = BUCKET_ENTRY, BUCKET_HEADER.pack(self.add_bucket(value), 0)
            position = (len(bucket) - index) * LEAF_ELEMENT.size + len(content)
            elements += LEAF_ELEMENT.pack(flags, position, len(key), len(value))
            content += key + value
        page_id = FIRST_DATA_ID + len(self.data) // PAGE_SIZE
        size = PAGE_HEADER.size + len(elements) + len(content)
        count = -(-size // PAGE_SIZE)
        page = PAGE_HEADER.pack(page_id, LEAF_PAGE, len(bucket), count - 1) + elements + content
        self.data += page.ljust(count * PAGE_SIZE, b"\0")
        return page_id


def _meta_page(number: int, root_id: int, end: int) -> bytes:
    # Of the two meta pages bbolt takes the one with the later transaction; a transaction's parity names its page.
    meta = META.pack(MAGIC, VERSION, PAGE_SIZE, 0, BUCKET_HEADER.pack(root_id, 0), FREELIST_ID, end, number)
    page = PAGE_HEADER.pack(number, META_PAGE, 0, 0) + meta + struct.pack("<Q", _fnv1a(meta))
    return page.ljust(PAGE_SIZE, b"\0")


def _fnv1a(data: bytes) -> int:
    """64-bit FNV-1a."""
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest
