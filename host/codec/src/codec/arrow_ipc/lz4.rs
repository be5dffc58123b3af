//! LZ4 frames, unpacked to where their bytes stay: the work is of the bytes that there are. (The library's reader of
//! frames makes itself a buffer of the frame's block size, which a few bytes may say to be megabytes.) Knows nothing
//! of messages.

use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use twox_hash::XxHash32;

const MAGIC: u32 = 0x184d_2204;
/// Bits of the flags.
const VERSION: u8 = 0b1100_0000;
const VERSION_1: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUMS: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
const DICTIONARY: u8 = 0b0000_0001;
/// The bit of a block's length that says that it is not compressed.
const STORED: u32 = 1 << 31;
/// How far back a block may refer to those before it.
const WINDOW: usize = 64 << 10;

/// What a frame holds, `len` bytes or fewer; why it cannot be unpacked, also where it is more.
pub(super) fn unpack(frame: &[u8], len: usize) -> Result<Vec<u8>, String> {
    let mut rest = frame;
    let flags = header(&mut rest, len)?;
    let mut unpacked = vec![0; len];
    let mut at = 0;
    loop {
        let said = number(&mut rest)?;
        if said == 0 {
            break;
        }
        let block = bytes(&mut rest, (said & !STORED) as usize)?;
        if flags & BLOCK_CHECKSUMS != 0 && number(&mut rest)? != xxh32(block) {
            return Err("the checksum of a block is wrong".to_owned());
        }
        let (before, room) = unpacked.split_at_mut(at);
        let before = if flags & INDEPENDENT != 0 { &[] } else { &before[at.saturating_sub(WINDOW)..] };
        at += put(block, said & STORED != 0, before, room)?;
    }
    unpacked.truncate(at);
    if flags & CONTENT_CHECKSUM != 0 && number(&mut rest)? != xxh32(&unpacked) {
        return Err("the checksum is wrong".to_owned());
    }
    Ok(unpacked)
}

/// Takes what is before the blocks; gives the flags.
fn header(rest: &mut &[u8], len: usize) -> Result<u8, String> {
    if number(rest)? != MAGIC {
        return Err("it is no LZ4 frame".to_owned());
    }
    let whole = *rest;
    let flags = bytes(rest, 2)?[0];
    if flags & VERSION != VERSION_1 || flags & DICTIONARY != 0 {
        return Err("it is of another version, or needs a dictionary".to_owned());
    }
    if flags & CONTENT_SIZE != 0 && bytes(rest, 8)? != (len as u64).to_le_bytes() {
        return Err(format!("its header does not say {len} bytes"));
    }
    let described = &whole[..whole.len() - rest.len()];
    match bytes(rest, 1)? == [(xxh32(described) >> 8) as u8] {
        true => Ok(flags),
        false => Err("the checksum of its header is wrong".to_owned()),
    }
}

/// Puts what a block holds where there is room for it, and says how much it is.
fn put(block: &[u8], stored: bool, before: &[u8], room: &mut [u8]) -> Result<usize, String> {
    if stored {
        let room = room.get_mut(..block.len()).ok_or("it is more than it should be")?;
        room.copy_from_slice(block);
        return Ok(block.len());
    }
    let put = match before {
        [] => decompress_into(block, room),
        _ => decompress_into_with_dict(block, room, before),
    };
    put.map_err(|wrong| wrong.to_string())
}

fn bytes<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], String> {
    rest.split_off(..len).ok_or_else(|| "it ends too early".to_owned())
}

fn number(rest: &mut &[u8]) -> Result<u32, String> {
    Ok(bytes(rest, 4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
}

/// The checksum of the format, without a seed.
fn xxh32(bytes: &[u8]) -> u32 {
    XxHash32::oneshot(0, bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    fn texts() -> Vec<Vec<u8>> {
        let mut random = fastrand::Rng::with_seed(4);
        let lens = [0, 1, 3, 4, 15, 16, 17, 1000, 65_536, 200_000, 1_000_000];
        lens.iter()
            .map(|&len| (0..len).map(|at| random.u8(..if at % 5000 < 2500 { 3 } else { 255 })).collect())
            .collect()
    }

    fn pack(text: &[u8], info: FrameInfo) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn all_kinds(len: usize) -> Vec<FrameInfo> {
        let mut kinds = Vec::new();
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for size in [BlockSize::Auto, BlockSize::Max64KB, BlockSize::Max4MB] {
                for checks in [false, true] {
                    let info = FrameInfo::new().block_mode(mode).block_size(size);
                    let size = checks.then_some(len as u64);
                    kinds.push(info.block_checksums(checks).content_checksum(checks).content_size(size));
                }
            }
        }
        kinds
    }

    #[test]
    fn frames_of_every_kind_are_unpacked() {
        for text in texts() {
            for info in all_kinds(text.len()) {
                let packed = pack(&text, info.clone());
                assert_eq!(unpack(&packed, text.len()).as_ref(), Ok(&text), "{info:?}");
                if !text.is_empty() {
                    assert!(unpack(&packed, text.len() - 1).is_err(), "{info:?}");
                }
            }
        }
    }

    #[test]
    fn a_damaged_frame_gives_no_more_than_it_may() {
        let mut random = fastrand::Rng::with_seed(5);
        let text = &texts()[8];
        for info in all_kinds(text.len()) {
            let checked = info.content_checksum;
            let packed = pack(text, info);
            for _ in 0..50 {
                let mut damaged = packed.clone();
                let at = random.usize(..damaged.len());
                damaged[at] ^= 1 << random.u8(..8);
                let unpacked = unpack(&damaged, text.len());
                assert!(
                    unpacked.is_err() || !checked && unpacked.is_ok_and(|bytes| bytes.len() <= text.len())
                );
                assert!(unpack(&packed[..at], text.len()).is_err());
            }
        }
    }

    #[test]
    fn a_frame_costs_what_is_in_it_and_not_what_its_header_says() {
        let large = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max4MB);
        let packed = pack(&[7; 100], large);
        let begin = std::time::Instant::now();
        for _ in 0..60_000 {
            assert_eq!(unpack(&packed, 100).unwrap().len(), 100);
        }
        assert!(begin.elapsed() < std::time::Duration::from_secs(10));
    }
}
