//! The shapes that decide the class of a planted image.
//!
//! Each lights 8 of 4 x 4 cells and touches all four sides of its box. So no class is brighter or larger than another,
//! and where a glyph is drawn tells nothing about which it is: they differ in shape alone, also when shifted.

/// Cells to a side.
pub const CELLS: usize = 4;

/// A name and its rows of cells.
pub type Glyph = (&'static str, [&'static [u8; CELLS]; CELLS]);

/// The glyphs of the classes, in order.
pub const GLYPHS: [Glyph; 10] = [
    ("cross", [b"#..#", b".##.", b".##.", b"#..#"]),
    ("ring", [b".##.", b"#..#", b"#..#", b".##."]),
    ("bars", [b"####", b"....", b"....", b"####"]),
    ("posts", [b"#..#", b"#..#", b"#..#", b"#..#"]),
    ("falling", [b"##..", b"##..", b"..##", b"..##"]),
    ("rising", [b"..##", b"..##", b"##..", b"##.."]),
    ("wheel", [b".#..", b".###", b"###.", b"..#."]),
    ("mirrored-wheel", [b"..#.", b"###.", b".###", b".#.."]),
    ("checks", [b"#.#.", b".#.#", b"#.#.", b".#.#"]),
    ("corners", [b"##.#", b"...#", b"#...", b"#.##"]),
];

/// A glyph of no class, drawn elsewhere to distract.
pub const DISTRACTOR: Glyph = ("hook", [b"###.", b"#...", b"#..#", b"..##"]);

/// The lit pixels (y, x) of a glyph drawn `side` pixels large, `side` a multiple of `CELLS`.
pub fn pixels(glyph: &Glyph, side: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (cell, rows) = (side / CELLS, glyph.1);
    let all = (0..side).flat_map(move |y| (0..side).map(move |x| (y, x)));
    all.filter(move |&(y, x)| rows[y / cell][x / cell] == b'#')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> impl Iterator<Item = Glyph> {
        GLYPHS.into_iter().chain([DISTRACTOR])
    }

    #[test]
    fn each_lights_half_its_box_and_fills_it() {
        for glyph in all() {
            let lit: Vec<_> = pixels(&glyph, 8).collect();
            assert_eq!(lit.len(), 8 * 4, "{}", glyph.0);
            for edge in [0, 7] {
                assert!(lit.iter().any(|&(y, _)| y == edge) && lit.iter().any(|&(_, x)| x == edge), "{}", glyph.0);
            }
        }
    }

    /// Of two glyphs of 8 cells, at most 6 fall together however one is shifted against the other.
    #[test]
    fn no_two_are_alike_under_any_shift() {
        for (at, first) in all().enumerate() {
            for second in all().skip(at + 1) {
                let still: BTreeSet<_> = pixels(&first, CELLS).map(|(y, x)| (y + CELLS, x + CELLS)).collect();
                for (down, right) in (0..2 * CELLS).flat_map(|down| (0..2 * CELLS).map(move |right| (down, right))) {
                    let together = pixels(&second, CELLS).filter(|&(y, x)| still.contains(&(y + down, x + right)));
                    assert!(together.count() <= 6, "{} and {}", first.0, second.0);
                }
            }
        }
    }
}
