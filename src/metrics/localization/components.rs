//! Connected components of a binary image and the boxes around them.

use crate::datasets::Rect;

/// Which pixels touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// Those that share a side.
    Four,
    /// Those that share a corner, too.
    Eight,
}

impl Neighbours {
    fn steps(self) -> &'static [(isize, isize)] {
        const ALL: [(isize, isize); 8] = [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)];
        match self {
            Self::Four => &ALL[..4],
            Self::Eight => &ALL,
        }
    }
}

/// The smallest box around the component of the most pixels; several boxes if several have as many, none if nothing is
/// lit. `lit` holds the image's rows of `width` pixels.
pub fn largest_boxes(lit: &[bool], width: usize, neighbours: Neighbours) -> Vec<Rect> {
    let mut open = lit.to_vec();
    let (mut most, mut boxes) = (0, Vec::new());
    for start in 0..open.len() {
        if !open[start] {
            continue;
        }
        let (size, around) = take(&mut open, width, start, neighbours);
        if size > most {
            (most, boxes) = (size, Vec::new());
        }
        if size == most {
            boxes.push(around);
        }
    }
    boxes
}

/// Unlights the component of `start`; its size and box.
fn take(open: &mut [bool], width: usize, start: usize, neighbours: Neighbours) -> (usize, Rect) {
    let height = open.len() / width;
    let mut around = Rect { y0: height, x0: width, y1: 0, x1: 0 };
    let (mut size, mut reached) = (0, vec![start]);
    open[start] = false;
    while let Some(at) = reached.pop() {
        let (y, x) = (at / width, at % width);
        size += 1;
        around =
            Rect { y0: around.y0.min(y), x0: around.x0.min(x), y1: around.y1.max(y + 1), x1: around.x1.max(x + 1) };
        for &(down, right) in neighbours.steps() {
            let beside = y.checked_add_signed(down).zip(x.checked_add_signed(right));
            if let Some((y, x)) = beside.filter(|&(y, x)| y < height && x < width && open[y * width + x]) {
                open[y * width + x] = false;
                reached.push(y * width + x);
            }
        }
    }
    (size, around)
}

/// The area that two boxes share, divided by the area that they cover; 0 for boxes of no area.
pub fn intersection_over_union(a: &Rect, b: &Rect) -> f64 {
    let area = |y0: usize, x0: usize, y1: usize, x1: usize| y1.saturating_sub(y0) * x1.saturating_sub(x0);
    let both = area(a.y0.max(b.y0), a.x0.max(b.x0), a.y1.min(b.y1), a.x1.min(b.x1));
    let either = area(a.y0, a.x0, a.y1, a.x1) + area(b.y0, b.x0, b.y1, b.x1) - both;
    if either == 0 { 0.0 } else { both as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boxes(image: &[&str], neighbours: Neighbours) -> Vec<Rect> {
        let lit: Vec<bool> = image.iter().flat_map(|row| row.bytes().map(|pixel| pixel == b'#')).collect();
        largest_boxes(&lit, image[0].len(), neighbours)
    }

    /// The diagonal pair joins two parts of 3 and 2 pixels only where corners count; on the left, rows do not wrap
    /// around.
    #[test]
    fn components_join_at_sides_or_corners_and_never_around_the_edge() {
        let image = ["##..#", "#...#", ".##..", "....."];
        assert_eq!(boxes(&image, Neighbours::Four), [Rect { y0: 0, x0: 0, y1: 2, x1: 2 }]);
        assert_eq!(boxes(&image, Neighbours::Eight), [Rect { y0: 0, x0: 0, y1: 3, x1: 3 }]);
        assert_eq!(boxes(&["....#", "#....", "#...."], Neighbours::Eight), [Rect { y0: 1, x0: 0, y1: 3, x1: 1 }]);
    }

    #[test]
    fn components_of_one_size_all_count_and_an_empty_image_has_none() {
        let two = [Rect { y0: 0, x0: 0, y1: 1, x1: 2 }, Rect { y0: 2, x0: 3, y1: 3, x1: 5 }];
        assert_eq!(boxes(&["##...", "....#", "...#."], Neighbours::Four).len(), 1);
        assert_eq!(boxes(&["##...", ".....", "...##"], Neighbours::Four), two);
        assert!(boxes(&["...", "..."], Neighbours::Four).is_empty());
    }

    /// 2 x 2 boxes moved by one pixel share 2 of 6.
    #[test]
    fn overlap_of_boxes() {
        let of = |y0, x0, y1, x1| Rect { y0, x0, y1, x1 };
        assert_eq!(intersection_over_union(&of(0, 0, 2, 2), &of(0, 1, 2, 3)), 2.0 / 6.0);
        assert_eq!(intersection_over_union(&of(0, 0, 2, 2), &of(2, 0, 4, 2)), 0.0, "boxes are half-open");
        assert_eq!(intersection_over_union(&of(1, 1, 1, 1), &of(1, 1, 1, 1)), 0.0);
    }

    proptest! {
        #[test]
        fn a_filled_box_is_its_own_component(y in 0usize..5, x in 0usize..5, h in 1usize..4, w in 1usize..4) {
            let lit: Vec<bool> =
                (0..64).map(|at| (y..y + h).contains(&(at / 8)) && (x..x + w).contains(&(at % 8))).collect();
            let expected = Rect { y0: y, x0: x, y1: y + h, x1: x + w };
            for neighbours in [Neighbours::Four, Neighbours::Eight] {
                prop_assert_eq!(largest_boxes(&lit, 8, neighbours), vec![expected]);
            }
            prop_assert_eq!(intersection_over_union(&expected, &expected), 1.0);
        }
    }
}
