//! Ground truth of where the evidence for an image's class is.

use tch::{Kind, Tensor};

use crate::error::Result;

/// A box in pixels, half-open: rows `y0..y1`, columns `x0..x1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub y0: usize,
    pub x0: usize,
    pub y1: usize,
    pub x1: usize,
}

impl Rect {
    /// [left, top, right, bottom] in pixels, right and bottom exclusive.
    pub fn corners(&self) -> [f64; 4] {
        [self.x0, self.y0, self.x1, self.y1].map(|at| at as f64)
    }
}

/// Where the evidence is, for every image of a split.
pub struct Truth {
    /// The boxes of each image: several objects have several boxes, and an image without evidence has none.
    pub boxes: Vec<Vec<Rect>>,
    /// Regions of each image where it does not matter what a map says, such as objects that are marked as difficult.
    pub ignored: Vec<Vec<Rect>>,
    /// The exact pixels, bool [N, H, W], where the source knows them.
    pub masks: Option<Tensor>,
}

impl Truth {
    /// The truth of bool masks [N, H, W]: the box of an image is the smallest that holds its mask, none if that is empty.
    pub fn from_masks(masks: Tensor) -> Result<Self> {
        let (_, height, width) = masks.size3()?;
        let (height, width) = (height as usize, width as usize);
        let pixels: Vec<bool> = (&masks.f_reshape([-1])?).try_into()?;
        let boxes = if height * width == 0 {
            vec![Vec::new(); masks.size()[0] as usize]
        } else {
            pixels.chunks(height * width).map(|mask| enclosing(mask, width).into_iter().collect()).collect()
        };
        Ok(Self { masks: Some(masks), ..Self::from_boxes(boxes) })
    }

    /// The truth of boxes alone.
    pub fn from_boxes(boxes: Vec<Vec<Rect>>) -> Self {
        let ignored = vec![Vec::new(); boxes.len()];
        Self { boxes, ignored, masks: None }
    }

    /// The evidence of the images `ids`, bool [B, `height`, `width`]: the masks where there are any, else the boxes filled.
    pub fn mask(&self, ids: &[usize], height: usize, width: usize) -> Result<Tensor> {
        if let Some(masks) = &self.masks {
            return Ok(masks.f_index_select(0, &index(ids))?);
        }
        filled(&self.boxes, ids, height, width)
    }

    /// Where maps are not judged, bool [B, `height`, `width`]; `None` if nothing is ignored in any image.
    pub fn ignored(&self, ids: &[usize], height: usize, width: usize) -> Result<Option<Tensor>> {
        let any = self.ignored.iter().any(|boxes| !boxes.is_empty());
        any.then(|| filled(&self.ignored, ids, height, width)).transpose()
    }

    /// The truth of the images `ids` alone, in that order.
    pub fn select(&self, ids: &[usize]) -> Result<Self> {
        let masks = self.masks.as_ref().map(|masks| masks.f_index_select(0, &index(ids))).transpose()?;
        let pick = |boxes: &[Vec<Rect>]| ids.iter().map(|&id| boxes[id].clone()).collect();
        Ok(Self { boxes: pick(&self.boxes), ignored: pick(&self.ignored), masks })
    }

    /// Another handle on the same masks.
    pub fn shallow_clone(&self) -> Self {
        Self {
            boxes: self.boxes.clone(),
            ignored: self.ignored.clone(),
            masks: self.masks.as_ref().map(Tensor::shallow_clone),
        }
    }
}

/// The boxes of the images `ids`, bool [B, `height`, `width`].
fn filled(boxes: &[Vec<Rect>], ids: &[usize], height: usize, width: usize) -> Result<Tensor> {
    let mut pixels = vec![false; ids.len() * height * width];
    for (place, &id) in ids.iter().enumerate() {
        for area in &boxes[id] {
            for y in area.y0..area.y1.min(height) {
                let row = (place * height + y) * width;
                pixels[row + area.x0.min(width)..row + area.x1.min(width)].fill(true);
            }
        }
    }
    Ok(Tensor::from_slice(&pixels).f_reshape([ids.len() as i64, height as i64, width as i64])?)
}

/// Example ids as libtorch indexes by them.
pub(super) fn index(ids: &[usize]) -> Tensor {
    Tensor::from_slice(&ids.iter().map(|&id| id as i64).collect::<Vec<_>>()).to_kind(Kind::Int64)
}

fn enclosing(mask: &[bool], width: usize) -> Option<Rect> {
    let lit = || mask.iter().enumerate().filter(|(_, lit)| **lit).map(|(at, _)| (at / width, at % width));
    let (first, last) = (lit().next()?, lit().next_back()?);
    let (x0, x1) = lit().fold((width, 0), |(low, high), (_, x)| (low.min(x), high.max(x + 1)));
    Some(Rect { y0: first.0, x0, y1: last.0 + 1, x1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(mask: &Tensor) -> Vec<bool> {
        mask.reshape([-1]).try_into().unwrap()
    }

    /// Two boxes that share a pixel, on 3x4: the union, once; a box that leaves the image is cut at its edge.
    #[test]
    fn boxes_are_filled_half_open() {
        let boxes = vec![vec![], vec![Rect { y0: 0, x0: 0, y1: 2, x1: 2 }, Rect { y0: 1, x0: 1, y1: 9, x1: 9 }]];
        let truth = Truth::from_boxes(boxes);
        let mask = truth.mask(&[1, 0], 3, 4).unwrap();
        assert_eq!(mask.size(), [2, 3, 4]);
        let expected = [[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1], [0; 4], [0; 4], [0; 4]];
        assert_eq!(pixels(&mask), expected.concat().iter().map(|&x| x == 1).collect::<Vec<_>>());
    }

    #[test]
    fn the_box_of_a_mask_is_the_smallest() {
        let lit = [false, false, false, false, false, true, false, true, false, false, true, false];
        let masks = Tensor::from_slice(&[lit, [false; 12]].concat()).reshape([2, 3, 4]);
        let truth = Truth::from_masks(masks).unwrap();
        assert_eq!(truth.boxes, [vec![Rect { y0: 1, x0: 1, y1: 3, x1: 4 }], vec![]]);
        assert_eq!(pixels(&truth.mask(&[0], 3, 4).unwrap()), lit);
        assert_eq!(truth.select(&[1, 0]).unwrap().boxes[1], truth.boxes[0]);
    }
}
