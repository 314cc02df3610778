//! What is removed together: an image's pixels in segments, cells of a grid or superpixels.

use tch::{Device, Kind, Tensor};

use crate::config::Section;
use crate::error::Result;

mod slic;

/// The most segments that can be asked for.
const MOST: usize = 1024;

/// The longest side of a grid that can be asked for.
const SIDE: usize = 32;

/// How an image is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segments {
    /// Cells of ceil(H / rows) x ceil(W / columns) pixels; the last row and column have what is left, if anything.
    Grid { rows: usize, columns: usize },
    /// Superpixels of similar colour.
    Slic { count: usize, compactness: f64, iterations: usize },
}

/// Which segment each pixel belongs to.
pub struct Partition {
    /// int64 [B, H, W], from 0 to the example's count - 1, on the device of the images.
    pub labels: Tensor,
    /// Segments of each example.
    pub counts: Vec<usize>,
}

impl Segments {
    /// Reads `segments`; without more words a grid of `side` rows and columns, or as many superpixels.
    pub fn read(section: &Section, side: usize) -> Option<Self> {
        let section = section.word_or_table("segments", "use", "grid")?;
        let grid = section.choice("use", "grid", &[("grid", true), ("slic", false)]);
        let segments = if grid {
            let length = |key| {
                let fits = |length: &usize| (1..=SIDE).contains(length);
                section.get_if(key, side, fits, &format!("an integer from 1 to {SIDE}"))
            };
            Self::Grid { rows: length("rows"), columns: length("columns") }
        } else {
            let fits = |count: &usize| (2..=MOST).contains(count);
            let count = section.get_if("count", side * side, fits, &format!("an integer from 2 to {MOST}"));
            let compactness = section.get_if("compactness", 10.0, |value| *value > 0.0, "a number above 0");
            let fits = |iterations: &usize| (1..=100).contains(iterations);
            let iterations = section.get_if("iterations", 10usize, fits, "an integer from 1 to 100");
            Self::Slic { count, compactness, iterations }
        };
        section.finish();
        Some(segments)
    }

    /// The most segments that an image can have.
    pub fn most(&self) -> usize {
        match *self {
            Self::Grid { rows, columns } => rows * columns,
            Self::Slic { count, .. } => count,
        }
    }

    /// The segments of each image of `x`, [B, C, H, W].
    pub fn of(&self, x: &Tensor) -> Result<Partition> {
        let (examples, _, height, width) = x.size4()?;
        match *self {
            Self::Grid { rows, columns } => {
                let (of_rows, rows) = cells(height, rows);
                let (of_columns, columns) = cells(width, columns);
                let labels: Vec<i64> = of_rows
                    .iter()
                    .flat_map(|row| of_columns.iter().map(move |column| row * columns + column))
                    .collect();
                let labels = Tensor::from_slice(&labels).f_to_device(x.device())?.f_view([1, height, width])?;
                let counts = vec![(rows * columns) as usize; examples as usize];
                Ok(Partition { labels: labels.f_expand([examples, -1, -1], false)?, counts })
            }
            Self::Slic { count, compactness, iterations } => {
                let pixels = x.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
                let (mut labels, mut counts) = (Vec::new(), Vec::new());
                for example in 0..examples {
                    let image = slic::Image::new(&pixels.f_get(example)?)?;
                    let (of_image, segments) = image.segments(count, compactness, iterations);
                    labels.extend(of_image);
                    counts.push(segments);
                }
                let labels = Tensor::from_slice(&labels).f_to_device(x.device())?;
                Ok(Partition { labels: labels.f_view([examples, height, width])?, counts })
            }
        }
    }
}

/// The cell of each of `length` places cut into at most `cells` of equal length, and how many cells that makes.
fn cells(length: i64, cells: usize) -> (Vec<i64>, i64) {
    let cell = (length as u64).div_ceil(cells as u64).max(1) as i64;
    ((0..length).map(|place| place / cell).collect(), (length as u64).div_ceil(cell as u64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Segments>, String) {
        let section = Section::parse("a.toml", text).unwrap();
        let segments = Segments::read(&section, 3);
        (segments, section.mistakes().to_string())
    }

    #[test]
    fn a_word_or_a_table() {
        let grid = |rows, columns| Some(Segments::Grid { rows, columns });
        assert_eq!(read("").0, grid(3, 3));
        assert_eq!(read("segments = 'grid'").0, grid(3, 3));
        assert_eq!(read("segments = { use = 'grid', rows = 2 }").0, grid(2, 3));
        let slic = Segments::Slic { count: 9, compactness: 1.0, iterations: 10 };
        assert_eq!(read("segments = { use = 'slic', compactness = 1 }").0, Some(slic));
        for (text, message) in [
            ("segments = 'slick'", "did you mean `slic`?"),
            ("segments = { use = 'slic', rows = 2 }", "rows"),
            ("segments = { rows = 0 }", "an integer from 1 to 32"),
            ("segments = 3", "a name, or a table with `use`"),
        ] {
            let said = read(text).1;
            assert!(said.contains(message), "{said}");
        }
    }

    #[test]
    fn five_pixels_in_three_cells_are_two_two_and_one() {
        assert_eq!(cells(5, 3), (vec![0, 0, 1, 1, 2], 3));
        // Cells of two pixels: the fourth would be empty.
        assert_eq!(cells(6, 4), (vec![0, 0, 1, 1, 2, 2], 3));
        assert_eq!(cells(2, 7), (vec![0, 1], 2));
        let grid = Segments::Grid { rows: 2, columns: 2 };
        let partition = grid.of(&Tensor::zeros([2, 3, 2, 3], (Kind::Float, Device::Cpu))).unwrap();
        assert_eq!(partition.counts, [4, 4]);
        assert_eq!(Vec::<i64>::try_from(partition.labels.get(1).flatten(0, -1)).unwrap(), [0, 0, 1, 2, 2, 3]);
    }

    #[test]
    fn superpixels_are_those_of_each_image_alone() {
        let x = crate::noise::Noise::new(4).uniform(&[1, 2, 3], &[3, 9, 11], Kind::Float, Device::Cpu).unwrap();
        let slic = Segments::Slic { count: 12, compactness: 10.0, iterations: 5 };
        let whole = slic.of(&x).unwrap();
        for example in 0..3 {
            let alone = slic.of(&x.narrow(0, example, 1)).unwrap();
            assert_eq!(alone.labels.get(0), whole.labels.get(example));
            assert_eq!(alone.counts[0], whole.counts[example as usize]);
        }
    }
}
