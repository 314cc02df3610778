//! Superpixels by simple linear iterative clustering (Achanta et al., IEEE TPAMI 2012): k-means over colour and place, in
//! which a centre only looks at pixels near it.
//!
//! Images of three channels are compared in CIELAB (sRGB primaries, D65), others by 100 times their channels, which is
//! the range of CIELAB's lightness. Centres start on a regular grid. At the end every cluster keeps its largest connected
//! piece, and the other pixels go to the segment that reaches them first: segments are connected, and there are at most as
//! many as asked for. No randomness; ties go to the first.

use std::collections::VecDeque;

use tch::Tensor;

use crate::error::Result;

/// An image as colours to be compared, pixel by pixel.
pub struct Image {
    height: usize,
    width: usize,
    channels: usize,
    /// Pixel by pixel.
    colours: Vec<f64>,
}

/// A cluster's mean colour and place.
struct Centre {
    colour: Vec<f64>,
    y: f64,
    x: f64,
}

impl Image {
    /// `pixels`: float64 [C, H, W] in [0, 1] on the host.
    pub fn new(pixels: &Tensor) -> Result<Self> {
        let (channels, height, width) = pixels.size3()?;
        let values = Vec::<f64>::try_from(pixels.f_permute([1, 2, 0])?.f_contiguous()?.f_flatten(0, -1)?)?;
        let (height, width, channels) = (height as usize, width as usize, channels as usize);
        let colours = match channels {
            3 => values.chunks_exact(3).flat_map(|pixel| lab(pixel[0], pixel[1], pixel[2])).collect(),
            _ => values.into_iter().map(|value| 100.0 * value).collect(),
        };
        Ok(Self { height, width, channels, colours })
    }

    /// The segment of each pixel, row by row, and how many segments there are: at most `count`. A larger `compactness`
    /// makes place count for more and the segments more square.
    pub fn segments(&self, count: usize, compactness: f64, iterations: usize) -> (Vec<i64>, usize) {
        let (mut labels, mut centres) = self.start(count);
        let spacing = (self.pixels() as f64 / centres.len() as f64).sqrt();
        let by_place = (compactness / spacing).powi(2);
        for _ in 0..iterations {
            let mut nearest = vec![f64::INFINITY; self.pixels()];
            for (cluster, centre) in centres.iter().enumerate() {
                for y in within(centre.y, spacing, self.height) {
                    for x in within(centre.x, spacing, self.width) {
                        let pixel = y * self.width + x;
                        let place = (y as f64 - centre.y).powi(2) + (x as f64 - centre.x).powi(2);
                        let distance = apart(self.colour(pixel), &centre.colour) + by_place * place;
                        if distance < nearest[pixel] {
                            nearest[pixel] = distance;
                            labels[pixel] = cluster;
                        }
                    }
                }
            }
            self.move_to_means(&mut centres, &labels);
        }
        self.connect(&labels, centres.len())
    }

    fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn colour(&self, pixel: usize) -> &[f64] {
        &self.colours[pixel * self.channels..][..self.channels]
    }

    /// Cells of a regular grid and the centres in their middle.
    fn start(&self, count: usize) -> (Vec<usize>, Vec<Centre>) {
        let (height, width) = (self.height as f64, self.width as f64);
        let rows = ((count as f64 * height / width).sqrt().round() as usize).clamp(1, count.min(self.height));
        let columns = (count / rows).clamp(1, self.width);
        let labels = (0..self.pixels())
            .map(|pixel| {
                let (y, x) = (pixel / self.width, pixel % self.width);
                y * rows / self.height * columns + x * columns / self.width
            })
            .collect();
        let centres = (0..rows * columns).map(|cell| {
            let y = ((cell / columns) as f64 + 0.5) * height / rows as f64 - 0.5;
            let x = ((cell % columns) as f64 + 0.5) * width / columns as f64 - 0.5;
            Centre { colour: self.colour(y as usize * self.width + x as usize).to_vec(), y, x }
        });
        (labels, centres.collect())
    }

    /// A cluster without pixels stays where it is.
    fn move_to_means(&self, centres: &mut [Centre], labels: &[usize]) {
        let nothing = || (0.0, Centre { colour: vec![0.0; self.channels], y: 0.0, x: 0.0 });
        let mut sums: Vec<(f64, Centre)> = centres.iter().map(|_| nothing()).collect();
        for (pixel, label) in labels.iter().enumerate() {
            let (count, sum) = &mut sums[*label];
            *count += 1.0;
            sum.y += (pixel / self.width) as f64;
            sum.x += (pixel % self.width) as f64;
            sum.colour.iter_mut().zip(self.colour(pixel)).for_each(|(sum, value)| *sum += value);
        }
        for (centre, (count, sum)) in centres.iter_mut().zip(sums).filter(|(_, (count, _))| *count > 0.0) {
            let colour = sum.colour.into_iter().map(|value| value / count).collect();
            *centre = Centre { colour, y: sum.y / count, x: sum.x / count };
        }
    }

    /// Segments of one piece each, named 0, 1, .. in the order of the clusters.
    fn connect(&self, labels: &[usize], clusters: usize) -> (Vec<i64>, usize) {
        let mut largest: Vec<Vec<usize>> = vec![Vec::new(); clusters];
        let mut seen = vec![false; labels.len()];
        for start in 0..labels.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let mut piece = vec![start];
            let mut next = 0;
            while let Some(&pixel) = piece.get(next) {
                next += 1;
                for neighbour in self.neighbours(pixel) {
                    if !seen[neighbour] && labels[neighbour] == labels[start] {
                        seen[neighbour] = true;
                        piece.push(neighbour);
                    }
                }
            }
            if piece.len() > largest[labels[start]].len() {
                largest[labels[start]] = piece;
            }
        }
        largest.retain(|piece| !piece.is_empty());
        let mut segments = vec![None; labels.len()];
        let mut front = VecDeque::new();
        for (segment, piece) in largest.iter().enumerate() {
            for &pixel in piece {
                segments[pixel] = Some(segment as i64);
                front.push_back((pixel, segment as i64));
            }
        }
        while let Some((pixel, segment)) = front.pop_front() {
            for neighbour in self.neighbours(pixel) {
                if segments[neighbour].is_none() {
                    segments[neighbour] = Some(segment);
                    front.push_back((neighbour, segment));
                }
            }
        }
        (segments.into_iter().flatten().collect(), largest.len())
    }

    /// Left, right, above, below.
    fn neighbours(&self, pixel: usize) -> impl Iterator<Item = usize> + use<> {
        let (x, width, last) = (pixel % self.width, self.width, self.pixels());
        let left = (x > 0).then(|| pixel - 1);
        let right = (x + 1 < width).then(|| pixel + 1);
        let above = pixel.checked_sub(width);
        let below = Some(pixel + width).filter(|below| *below < last);
        [left, right, above, below].into_iter().flatten()
    }
}

/// The places at most `spacing` from `middle`.
fn within(middle: f64, spacing: f64, length: usize) -> std::ops::RangeInclusive<usize> {
    let first = (middle - spacing).ceil().max(0.0) as usize;
    first..=((middle + spacing).floor() as usize).min(length - 1)
}

/// The squared distance of two colours.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// CIELAB of an sRGB colour in [0, 1].
fn lab(red: f64, green: f64, blue: f64) -> [f64; 3] {
    let linear = |value: f64| if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    let (red, green, blue) = (linear(red), linear(green), linear(blue));
    // Relative to the white of D65.
    let x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.9504700;
    let y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue;
    let z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.0888300;
    let root = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let (x, y, z) = (root(x), root(y), root(z));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(height: usize, width: usize, value: impl Fn(usize, usize) -> f64) -> Image {
        let colours = (0..height * width).map(|pixel| 100.0 * value(pixel / width, pixel % width)).collect();
        Image { height, width, channels: 1, colours }
    }

    #[test]
    fn known_colours_in_cielab() {
        // White has lightness 100 and no colour; red is L 53.24, a 80.09, b 67.20 (to the rounding of the primaries).
        for ([red, green, blue], expected) in [
            ([1.0, 1.0, 1.0], [100.0, 0.0, 0.0]),
            ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
            ([1.0, 0.0, 0.0], [53.24, 80.09, 67.2]),
        ] {
            let found = lab(red, green, blue);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02), "{found:?}");
        }
    }

    #[test]
    fn a_constant_image_is_cut_into_a_grid() {
        let (labels, count) = image(12, 12, |_, _| 0.5).segments(9, 10.0, 10);
        assert_eq!(count, 9);
        let expected: Vec<i64> = (0..144).map(|pixel| (pixel / 12 / 4 * 3 + pixel % 12 / 4) as i64).collect();
        assert_eq!(labels, expected);
    }

    #[test]
    fn no_segment_crosses_the_border_between_black_and_white() {
        // The border at column 5 of 12 lies inside the middle column of the grid that it starts from.
        let (labels, count) = image(12, 12, |_, x| if x < 5 { 0.0 } else { 1.0 }).segments(9, 10.0, 10);
        assert!((6..=9).contains(&count), "{count}");
        for segment in 0..count as i64 {
            let mut sides: Vec<bool> =
                (0..144).filter(|pixel| labels[*pixel] == segment).map(|pixel| pixel % 12 < 5).collect();
            sides.dedup();
            sides.sort();
            sides.dedup();
            assert_eq!(sides.len(), 1, "segment {segment}: {labels:?}");
        }
    }

    proptest! {
        #[test]
        fn segments_are_connected_and_not_too_many(
            height in 1usize..12,
            width in 1usize..12,
            count in 1usize..30,
            values in proptest::collection::vec(0.0f64..1.0, 144),
        ) {
            let image = image(height, width, |y, x| values[y * 12 + x]);
            let (labels, segments) = image.segments(count, 5.0, 5);
            prop_assert!(segments >= 1 && segments <= count);
            prop_assert_eq!(labels.len(), height * width);
            let names: std::collections::BTreeSet<i64> = labels.iter().copied().collect();
            prop_assert_eq!(names, (0..segments as i64).collect());
            // Cutting the segments into pieces once more leaves one piece of each.
            let clusters: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
            let (again, pieces) = image.connect(&clusters, segments);
            prop_assert_eq!((again, pieces), (labels, segments));
        }
    }
}
