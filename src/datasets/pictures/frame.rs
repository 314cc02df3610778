//! How a picture of any size becomes one of the dataset's size, and what becomes of its boxes.

use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView};

use super::super::Rect;
use super::Fault;
use super::decode::{self, LARGEST};
use crate::config::Section;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Scaled so that the frame is just covered, then the middle is kept.
    Crop,
    /// Height and width scaled each on its own.
    Squash,
    /// Pictures of another size are faults.
    None,
}

/// What a suite asks of the size and the colours of pictures.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// [H, W]; `None`: the size of the first picture, which the others must share.
    pub size: Option<[usize; 2]>,
    pub resize: Resize,
    /// 3, or 1 for grey.
    pub channels: usize,
}

/// The size that every picture is brought to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub size: [usize; 2],
    pub resize: Resize,
    pub channels: usize,
}

/// A picture laid into the frame: scaled as a whole to `scaled`, of which the part from `corner` on fills the frame. All are
/// [H, W].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    from: [usize; 2],
    scaled: [usize; 2],
    corner: [usize; 2],
    frame: [usize; 2],
}

const LONGEST_SIDE: usize = 1 << 13;

impl Fit {
    /// Parameters `size`, `resize` ("crop") and `channels` (3).
    pub fn read(section: &Section) -> Self {
        let sane = |side: &usize| (1..=LONGEST_SIDE).contains(side);
        let expected = format!("one side or [height, width], from 1 to {LONGEST_SIDE}");
        let size = match section.peek::<usize>("size") {
            Some(_) => section.optional_if("size", sane, &expected).map(|side| [side, side]),
            None => section
                .optional_if("size", |sides: &Vec<usize>| sides.len() == 2 && sides.iter().all(sane), &expected)
                .map(|sides| [sides[0], sides[1]]),
        };
        let words = [("crop", Resize::Crop), ("squash", Resize::Squash), ("none", Resize::None)];
        Self {
            size,
            resize: section.choice("resize", "crop", &words),
            channels: section.get_if("channels", 3, |count| [1, 3].contains(count), "3, or 1 for grey"),
        }
    }

    /// `first` is the size of a picture to go by where none was asked for.
    pub fn frame<E>(&self, first: impl FnOnce() -> Result<[usize; 2], E>) -> Result<Frame, E> {
        let (size, resize) = match self.size {
            Some(size) => (size, self.resize),
            None => (first()?, Resize::None),
        };
        Ok(Frame { size, resize, channels: self.channels })
    }
}

impl Frame {
    /// Where a picture of the size `from` comes to lie.
    pub fn place(&self, from: [usize; 2]) -> Result<Placed, Fault> {
        // Annotations state sizes too.
        decode::check(from)?;
        let [[height, width], [tall, wide]] = [from, self.size];
        // As often as one goes into the other, rounded.
        let scale = |side: usize, to: usize, of: usize| (side * to + of / 2) / of;
        let scaled = match self.resize {
            Resize::None if from != self.size => {
                let [other, wanted] = [from, self.size].map(|[height, width]| format!("{height}x{width}"));
                return Err(format!("is of {other} pixels, not of {wanted}: name the `size` that all are brought to"));
            }
            Resize::None | Resize::Squash => self.size,
            Resize::Crop if tall * width >= wide * height => [tall, scale(width, tall, height)],
            Resize::Crop => [scale(height, wide, width), wide],
        };
        if scaled[0].saturating_mul(scaled[1]) > LARGEST {
            return Err(format!("is of {height}x{width} pixels, too narrow to be brought to {tall}x{wide}"));
        }
        let corner = [(scaled[0] - tall) / 2, (scaled[1] - wide) / 2];
        Ok(Placed { from, scaled, corner, frame: self.size })
    }

    /// The picture in this frame: its bytes [H, W, C].
    pub fn fill(&self, picture: DynamicImage) -> Result<Vec<u8>, Fault> {
        let (width, height) = picture.dimensions();
        let placed = self.place([height as usize, width as usize])?;
        Ok(match self.channels {
            1 => placed.cut(picture.into_luma8()).into_raw(),
            _ => placed.cut(picture.into_rgb8()).into_raw(),
        })
    }
}

impl Placed {
    fn cut<P>(&self, mut picture: image::ImageBuffer<P, Vec<u8>>) -> image::ImageBuffer<P, Vec<u8>>
    where
        P: image::Pixel<Subpixel = u8> + 'static,
    {
        let [scaled, corner, frame] = [self.scaled, self.corner, self.frame].map(|sides| sides.map(|side| side as u32));
        if self.scaled != self.from {
            picture = imageops::resize(&picture, scaled[1], scaled[0], FilterType::Triangle);
        }
        if scaled != frame {
            picture = imageops::crop_imm(&picture, corner[1], corner[0], frame[1], frame[0]).to_image();
        }
        picture
    }

    /// The pixels of the frame that a box of the picture touches; `None` if it lies in what was cut off.
    pub fn rect(&self, area: Rect) -> Option<Rect> {
        // Of one axis: scaled outward in whole numbers, moved, cut at both ends.
        let range = |axis: usize, start: usize, end: usize| {
            let [from, scaled, corner, frame] =
                [self.from, self.scaled, self.corner, self.frame].map(|sides| sides[axis]);
            let moved = |at: usize| at.saturating_sub(corner).min(frame);
            let (start, end) = (moved(start * scaled / from), moved((end * scaled).div_ceil(from)));
            (start < end).then_some((start, end))
        };
        let ((y0, y1), (x0, x1)) = (range(0, area.y0, area.y1)?, range(1, area.x0, area.x1)?);
        Some(Rect { y0, x0, y1, x1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(from: [usize; 2], size: [usize; 2], resize: Resize) -> Result<Placed, Fault> {
        Frame { size, resize, channels: 3 }.place(from)
    }

    fn moved(placed: Placed, [y0, x0, y1, x1]: [usize; 4]) -> Option<[usize; 4]> {
        placed.rect(Rect { y0, x0, y1, x1 }).map(|area| [area.y0, area.x0, area.y1, area.x1])
    }

    /// 30x40 to 16x16: by 16/30 to 16 x 21.33, rounded to 21; 5 columns are cut, 2 of them on the left. Columns 4 to 10 become
    /// 2.1 to 5.25, which is 2 to 6 and then 0 to 4; rows 15 to 30 become 8 to 16.
    #[test]
    fn a_crop_by_hand() {
        let placed = place([30, 40], [16, 16], Resize::Crop).unwrap();
        assert_eq!(placed, Placed { from: [30, 40], scaled: [16, 21], corner: [0, 2], frame: [16, 16] });
        assert_eq!(moved(placed, [15, 4, 30, 10]), Some([8, 0, 16, 4]));
        assert_eq!(moved(placed, [0, 0, 30, 40]), Some([0, 0, 16, 16]));
        // Columns 0 to 3 become 0 to 1.6, all within the two that are cut.
        assert_eq!(moved(placed, [0, 0, 30, 3]), None);
        assert_eq!(moved(placed, [0, 37, 30, 40]), None);
    }

    /// 10x20 to 20x10: rows twice, columns half.
    #[test]
    fn a_squash_by_hand() {
        let placed = place([10, 20], [20, 10], Resize::Squash).unwrap();
        assert_eq!(moved(placed, [1, 1, 2, 4]), Some([2, 0, 4, 2]));
    }

    #[test]
    fn what_cannot_be_placed_is_a_fault() {
        assert!(place([4, 5], [5, 5], Resize::None).unwrap_err().starts_with("is of 4x5 pixels, not of 5x5"));
        let narrow = place([1, 60_000], [256, 256], Resize::Crop).unwrap_err();
        for absurd in [[0, 5], [5, 0], [usize::MAX, 2]] {
            assert!(place(absurd, [5, 5], Resize::Crop).unwrap_err().starts_with("claims "));
        }
        assert_eq!(narrow, "is of 1x60000 pixels, too narrow to be brought to 256x256");
    }

    /// Left half black, right half white, twice as wide as high: the crop keeps the middle, the squash all.
    #[test]
    fn pixels_go_where_boxes_go() {
        let half = image::RgbImage::from_fn(16, 8, |x, _| image::Rgb([if x < 8 { 0 } else { 255 }; 3]));
        for (resize, size, expected) in
            [(Resize::Crop, [8, 8], [0, 0, 0, 0, 255, 255, 255, 255]), (Resize::None, [8, 16], [0; 8])]
        {
            let frame = Frame { size, resize, channels: 1 };
            let bytes = frame.fill(DynamicImage::ImageRgb8(half.clone())).unwrap();
            assert_eq!((bytes.len(), &bytes[..8]), (size[0] * size[1], &expected[..]));
        }
        let squashed = Frame { size: [8, 8], resize: Resize::Squash, channels: 1 };
        let bytes = squashed.fill(DynamicImage::ImageRgb8(half)).unwrap();
        // Bilinear over two columns to a pixel: the two at the edge mix a little of the other half.
        assert_eq!((bytes[0], bytes[7]), (0, 255));
        assert!(bytes[3] < 64 && bytes[4] > 191, "{:?}", &bytes[..8]);
    }

    proptest::proptest! {
        /// A box of the whole picture is the whole frame, and no box leaves it; a larger box covers what a smaller one covers.
        #[test]
        fn boxes_stay_in_the_frame(
            from in proptest::array::uniform2(1usize..300), size in proptest::array::uniform2(1usize..300),
            crop: bool, ends in proptest::array::uniform4(0.0f64..1.0),
        ) {
            let placed = place(from, size, if crop { Resize::Crop } else { Resize::Squash }).unwrap();
            let [height, width] = from;
            proptest::prop_assert_eq!(moved(placed, [0, 0, height, width]), Some([0, 0, size[0], size[1]]));
            let at = |share: f64, side: usize| (share * side as f64) as usize;
            let (y, x) = (at(ends[0], height), at(ends[1], width));
            let (y1, x1) = (y + 1 + at(ends[2], height - y - 1), x + 1 + at(ends[3], width - x - 1));
            if let Some(small) = moved(placed, [y, x, y + 1, x + 1]) {
                let large = moved(placed, [y, x, y1, x1]).unwrap();
                proptest::prop_assert!(large[0] <= small[0] && large[1] <= small[1]);
                proptest::prop_assert!(large[2] >= small[2] && large[3] >= small[3]);
                proptest::prop_assert!(large[2] <= size[0] && large[3] <= size[1]);
            }
        }
    }
}
