//! Pictures as small PNG images: inputs as they are, maps on a diverging scale from blue (negative) over white (zero)
//! to red (positive), each map by its own scale.

use super::render::encoded;
use crate::report::Picture;

/// The ends of ColorBrewer's RdBu, which colour-blind readers tell apart.
const NEGATIVE: [f64; 3] = [33.0, 102.0, 172.0];
const POSITIVE: [f64; 3] = [178.0, 24.0, 43.0];
const ENOUGH_PIXELS: usize = 112;
const UNDEFINED: [u8; 3] = [150, 150, 150];
/// A few extreme elements must not leave the rest of a map white.
pub const SCALE_PERCENTILE: usize = 99;

/// An input in [0, 1], grey or in colour. `None` for a picture without pixels.
pub fn input(picture: &Picture) -> Option<Vec<u8>> {
    let plane = picture.height * picture.width;
    let level = |index: usize| match picture.values.get(index) {
        Some(value) if !value.is_nan() => (value.clamp(0.0, 1.0) * 255.0).round() as u8,
        _ => UNDEFINED[0],
    };
    png(picture.width, picture.height, |pixel| match picture.channels {
        3 => [level(pixel), level(pixel + plane), level(pixel + 2 * plane)],
        _ => [level(pixel); 3],
    })
}

/// A signed map of one channel. `None` for a picture without pixels.
pub fn map(picture: &Picture) -> Option<Vec<u8>> {
    let scale = scale(&picture.values);
    png(picture.width, picture.height, |pixel| match picture.values.get(pixel) {
        Some(value) if !value.is_nan() => colour(if scale > 0.0 { f64::from(*value) / scale } else { 0.0 }),
        _ => UNDEFINED,
    })
}

/// The scale of maps from its negative to its positive end, one pixel high.
pub fn scale_bar(width: usize) -> Option<Vec<u8>> {
    png(width, 1, |pixel| colour(2.0 * pixel as f64 / (width.max(2) - 1) as f64 - 1.0))
}

/// The absolute value that is drawn in full colour; the largest where the percentile is zero.
fn scale(values: &[f32]) -> f64 {
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).filter(|size| size.is_finite()).collect();
    sizes.sort_by(f32::total_cmp);
    let rank = (sizes.len() * SCALE_PERCENTILE).div_ceil(100).saturating_sub(1);
    let percentile = sizes.get(rank).copied().unwrap_or(0.0);
    f64::from(if percentile > 0.0 { percentile } else { sizes.last().copied().unwrap_or(0.0) })
}

/// From -1 (blue) over 0 (white) to 1 (red).
fn colour(value: f64) -> [u8; 3] {
    let end = if value < 0.0 { NEGATIVE } else { POSITIVE };
    let strength = value.abs().min(1.0);
    end.map(|channel| (255.0 + (channel - 255.0) * strength).round() as u8)
}

/// Each pixel becomes a block of pixels: many viewers blur small images that they enlarge.
fn png(width: usize, height: usize, pixel: impl Fn(usize) -> [u8; 3]) -> Option<Vec<u8>> {
    let block = ENOUGH_PIXELS.div_ceil(width.max(1));
    let mut colours = Vec::with_capacity(3 * width * height * block * block);
    for row in 0..height {
        let start = colours.len();
        for column in 0..width {
            colours.extend(pixel(row * width + column).repeat(block));
        }
        let line = start..colours.len();
        (1..block).for_each(|_| colours.extend_from_within(line.clone()));
    }
    // An image without pixels is refused by the encoder.
    encoded(u32::try_from(width * block).ok()?, u32::try_from(height * block).ok()?, &colours).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Pixmap;

    fn picture(channels: usize, values: &[f32]) -> Picture {
        let width = values.len() / channels;
        Picture { height: 1, width, channels, values: values.to_vec(), boxes: Vec::new() }
    }

    /// The colours of a picture of one row, one per block.
    fn decoded(png: Option<Vec<u8>>, width: usize) -> Vec<[u8; 3]> {
        let image = Pixmap::decode_png(&png.unwrap()).unwrap();
        let block = image.width() as usize / width;
        assert_eq!(image.height() as usize, block);
        let last_row = &image.pixels()[image.width() as usize * (block - 1)..];
        last_row.chunks(block).map(|pixels| [pixels[0].red(), pixels[0].green(), pixels[0].blue()]).collect()
    }

    #[test]
    fn zero_is_white_and_the_ends_are_the_scale() {
        let map = decoded(map(&picture(1, &[-2.0, 0.0, 2.0, 1.0, f32::NAN])), 5);
        // Half of the scale lies half-way between white and red: (255 + 178) / 2 = 216.5.
        assert_eq!(map, [[33, 102, 172], [255; 3], [178, 24, 43], [217, 140, 149], UNDEFINED]);
    }

    #[test]
    fn one_extreme_in_a_hundred_does_not_set_the_scale() {
        let mut values = vec![1.0; 99];
        values.push(1000.0);
        assert_eq!(scale(&values), 1.0);
        // A map with a single element that is not zero still shows it.
        values.fill(0.0);
        values[3] = -0.5;
        assert_eq!(scale(&values), 0.5);
        assert_eq!(scale(&[]), 0.0);
    }

    #[test]
    fn inputs_keep_their_colours() {
        assert_eq!(decoded(input(&picture(1, &[0.0, 1.0, 2.0])), 3), [[0; 3], [255; 3], [255; 3]]);
        // Planes of red, green and blue, two pixels each.
        assert_eq!(decoded(input(&picture(3, &[1.0, 0.0, 0.2, 0.0, 0.4, 0.0])), 2), [[255, 51, 102], [0; 3]]);
        assert_eq!(input(&picture(1, &[])), None);
    }
}
