//! The bytes of a JPEG or PNG as a picture.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::Fault;
use super::archive::start_of;

/// The most pixels of one picture: more is a mistake or an attack.
pub const LARGEST: usize = 1 << 26;

/// The largest file of one picture, in bytes.
pub const MOST_BYTES: u64 = 1 << 28;

/// [H, W], from the header alone.
pub fn dimensions(bytes: &[u8]) -> Result<[usize; 2], Fault> {
    decoder(bytes).map(|decoder| sides(&decoder))
}

/// The picture, with the colours it is stored in.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage, Fault> {
    let decoder = decoder(bytes)?;
    if bytes.starts_with(JPEG) && !is_whole(bytes) {
        return Err("is cut short: a JPEG without its end".to_string());
    }
    DynamicImage::from_decoder(decoder).map_err(broken)
}

const JPEG: &[u8] = &[0xff, 0xd8, 0xff];

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder, Fault> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err(format!("is neither a JPEG nor a PNG: it starts with {}", start_of(bytes))),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    // Eight bytes are the widest pixel, and decoders need some room of their own.
    limits.max_alloc = Some(16 * LARGEST as u64);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(broken)?;
    check(sides(&decoder)).map(|()| decoder)
}

/// Refuses sizes [H, W] that no picture has, before anything is allocated for them.
pub fn check([height, width]: [usize; 2]) -> Result<(), Fault> {
    match height.checked_mul(width) {
        Some(1..=LARGEST) => Ok(()),
        _ => Err(format!("claims {height}x{width} pixels, expected 1 to {LARGEST}")),
    }
}

fn sides(decoder: &impl ImageDecoder) -> [usize; 2] {
    let (width, height) = decoder.dimensions();
    [height as usize, width as usize]
}

fn broken(error: ImageError) -> Fault {
    let text = error.to_string();
    format!("is broken: {}", text.lines().next().unwrap_or_default())
}

/// Whether the marker that ends a JPEG follows its last scan. Decoders fill what is missing with grey and say nothing.
fn is_whole(bytes: &[u8]) -> bool {
    const SCAN: [u8; 2] = [0xff, 0xda];
    const END: [u8; 2] = [0xff, 0xd9];
    let last = bytes.windows(2).rposition(|marker| marker == END);
    // A thumbnail has an end of its own, but the picture's scan comes after it.
    last.is_some_and(|end| bytes[end..].windows(2).all(|marker| marker != SCAN))
}

#[cfg(test)]
mod tests {
    use super::super::support::{jpeg, png, png_that_claims};
    use super::*;

    #[test]
    fn pictures_are_told_by_their_content() {
        for bytes in [png(2, 3, [10, 20, 30]), jpeg(2, 3, [10, 20, 30])] {
            assert_eq!(dimensions(&bytes), Ok([2, 3]));
            let pixel = decode(&bytes).unwrap().to_rgb8().get_pixel(2, 1).0;
            // A JPEG of one colour is exact to the rounding of its colour space.
            assert!(pixel.iter().zip([10, 20, 30]).all(|(found, drawn)| found.abs_diff(drawn) <= 2), "{pixel:?}");
        }
    }

    #[test]
    fn every_fault_is_named() {
        let fault = |bytes: &[u8]| decode(bytes).unwrap_err();
        assert_eq!(fault(b""), "is neither a JPEG nor a PNG: it starts with nothing, it is empty");
        assert_eq!(fault(b"GIF89a"), "is neither a JPEG nor a PNG: it starts with 47 49 46 38");
        assert_eq!(fault(&png_that_claims(60_000, 60_000)), "claims 60000x60000 pixels, expected 1 to 67108864");
        let cut = |bytes: Vec<u8>, part: f64| fault(&bytes[..(bytes.len() as f64 * part) as usize]);
        assert_eq!(cut(jpeg(64, 64, [200, 0, 0]), 0.9), "is cut short: a JPEG without its end");
        assert!(cut(jpeg(64, 64, [200, 0, 0]), 0.1).starts_with("is broken: "));
        assert!(cut(png(64, 64, [200, 0, 0]), 0.6).starts_with("is broken: "));
    }

    /// As a thumbnail before its picture, of which the last two bytes are missing.
    #[test]
    fn the_end_of_an_earlier_scan_is_not_the_end() {
        let whole = jpeg(16, 16, [0, 90, 0]);
        assert!(is_whole(&whole) && is_whole(&[&whole[..], b"trailer"].concat()));
        assert!(!is_whole(&[&whole[..], &whole[..whole.len() - 2]].concat()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0usize..400, png_file: bool) {
            let whole = if png_file { png(8, 8, [1, 2, 3]) } else { jpeg(8, 8, [1, 2, 3]) };
            let _ = decode(&[&whole[..at.min(whole.len())], &bytes[..]].concat());
        }
    }
}
