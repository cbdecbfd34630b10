//! Whether a file is a whole bbolt database that knows advisories.
//!
//! Trivy maps the file into memory and dies of SIGBUS where it is cut off, and takes a database
//! without advisories for a clean result. Layout: `page.go`, `db.go` of <https://github.com/etcd-io/bbolt>;
//! little-endian, as on every machine that Trivy's releases run on.

use std::fs::File;
use std::os::unix::fs::FileExt;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Bytes of a page's header, of an element of a branch or leaf page, of the meta page's body.
const HEADER: u64 = 16;
const ELEMENT: u64 = 16;
const META: usize = 64;
/// Kinds of pages, and the flag of a leaf's element that is a bucket.
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const BUCKET: u32 = 0x01;
/// Buckets at the root that say nothing about packages.
const NOT_ADVISORIES: [&[u8]; 2] = [b"vulnerability", b"data-source"];
/// The root of a real database has some 200 buckets on a few pages.
const MOST_PAGES: usize = 1000;

/// Says what is wrong with the file.
pub(super) fn check(file: File) -> Result<(), String> {
    let data = file
        .metadata()
        .map_err(|error| format!("trivy.db can't be read: {error}"))?;
    Database {
        file,
        size: data.len(),
    }
    .check()
}

struct Database {
    file: File,
    size: u64,
}

/// What a valid meta page says.
#[derive(Clone, Copy, Debug)]
struct Meta {
    page_size: u64,
    root: u64,
    /// Pages from here on are not in use.
    high_water: u64,
    transaction: u64,
}

impl Database {
    fn check(&self) -> Result<(), String> {
        let not_one = || "trivy.db is not a bbolt database".to_owned();
        if self.size == 0 {
            return Err("trivy.db is empty".to_owned());
        }
        let first = self.meta(0);
        // The second meta page starts where the first page ends; its size stands in the first.
        let sizes = first.map_or_else(
            || vec![4096, 8192, 16384, 65536],
            |meta| vec![meta.page_size],
        );
        let second = sizes.into_iter().find_map(|size| self.meta(size));
        let meta = [first, second]
            .into_iter()
            .flatten()
            .max_by_key(|meta| meta.transaction)
            .ok_or_else(not_one)?;
        let whole = meta
            .high_water
            .checked_mul(meta.page_size)
            .ok_or_else(not_one)?;
        if self.size < whole {
            return Err(format!(
                "trivy.db is cut off: {} of {whole} bytes",
                self.size
            ));
        }
        if self.knows_advisories(meta).ok_or("trivy.db is damaged")? {
            Ok(())
        } else {
            Err("trivy.db holds no advisories".to_owned())
        }
    }

    fn meta(&self, at: u64) -> Option<Meta> {
        let bytes: [u8; META] = self.read(at.checked_add(HEADER)?)?;
        let checksum = u64_at(&bytes, 56)?;
        if u32_at(&bytes, 0)? != MAGIC
            || u32_at(&bytes, 4)? != VERSION
            || fnv(&bytes[..56]) != checksum
        {
            return None;
        }
        Some(Meta {
            page_size: u64::from(u32_at(&bytes, 8)?),
            root: u64_at(&bytes, 16)?,
            high_water: u64_at(&bytes, 40)?,
            transaction: u64_at(&bytes, 48)?,
        })
    }

    /// Whether the root has a bucket of advisories. None: its pages make no sense.
    fn knows_advisories(&self, meta: Meta) -> Option<bool> {
        let mut pages = vec![meta.root];
        let mut seen = 0;
        while let Some(page) = pages.pop() {
            seen += 1;
            if seen > MOST_PAGES || page >= meta.high_water {
                return None;
            }
            let at = page.checked_mul(meta.page_size)?;
            let header: [u8; 16] = self.read(at)?;
            let (kind, count) = (u16_at(&header, 8)?, u64::from(u16_at(&header, 10)?));
            for index in 0..count {
                let element_at = at + HEADER + index * ELEMENT;
                let element: [u8; 16] = self.read(element_at)?;
                match kind {
                    BRANCH => pages.push(u64_at(&element, 8)?),
                    LEAF if u32_at(&element, 0)? & BUCKET != 0 => {
                        let key_at = element_at + u64::from(u32_at(&element, 4)?);
                        let length = usize::try_from(u32_at(&element, 8)?).ok()?;
                        let mut key = vec![0; length.min(64)];
                        self.file.read_exact_at(&mut key, key_at).ok()?;
                        if !NOT_ADVISORIES.contains(&key.as_slice()) {
                            return Some(true);
                        }
                    }
                    LEAF => {}
                    _ => return None,
                }
            }
        }
        Some(false)
    }

    fn read<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// FNV-1a, 64 bits: the meta page's checksum.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

// Files of the test bed's own writer, whole and with each fault: tests/acceptance/scanners/database.rs.
#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>, page in 0_u32..100_000) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("trivy.db");
            // A valid meta page before the noise, so that more than its magic is looked at.
            let mut meta = vec![0; 16];
            meta.extend(MAGIC.to_le_bytes());
            meta.extend(VERSION.to_le_bytes());
            meta.extend(page.to_le_bytes());
            meta.extend([0; 4]);
            meta.extend(1_u64.to_le_bytes());
            meta.extend([0; 16]);
            meta.extend(2_u64.to_le_bytes());
            meta.extend([0; 8]);
            let checksum = fnv(&meta[16..]);
            meta.extend(checksum.to_le_bytes());
            meta.extend(&bytes);
            std::fs::write(&path, meta).unwrap();
            proptest::prop_assert!(check(File::open(&path).unwrap()).is_err());
        }
    }
}
