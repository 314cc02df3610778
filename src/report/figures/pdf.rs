//! A drawing as a PDF page, with the same bytes in every run.

use resvg::usvg::Tree;
use svg2pdf::{ConversionError, ConversionOptions, PageOptions};

/// CSS pixels per inch, so that a page is as large as its drawing says.
const RESOLUTION: f32 = 96.0;

pub fn pdf(tree: &Tree) -> Result<Vec<u8>, ConversionError> {
    let mut bytes = svg2pdf::to_pdf(tree, ConversionOptions::default(), PageOptions { dpi: RESOLUTION })?;
    sort_resources(&mut bytes);
    Ok(bytes)
}

/// The converter lists a page's images and shades in the order of a randomly seeded hash map. PDF gives that order no
/// meaning, and sorting the lines moves no other byte.
fn sort_resources(pdf: &mut [u8]) {
    const START: &[u8] = b"/Resources <<\n";
    const END: &[u8] = b"/ProcSet";
    let mut from = 0;
    while let Some(start) = find(&pdf[from..], START).map(|at| from + at + START.len()) {
        let Some(end) = find(&pdf[start..], END).map(|at| start + at) else { return };
        let mut lines: Vec<&[u8]> = pdf[start..end].split_inclusive(|byte| *byte == b'\n').collect();
        let is_entry = |line: &[u8]| line.ends_with(b" R\n");
        for entries in lines.chunk_by_mut(|a, b| is_entry(a) == is_entry(b)) {
            if is_entry(entries[0]) {
                entries.sort_unstable();
            }
        }
        let sorted = lines.concat();
        pdf[start..end].copy_from_slice(&sorted);
        from = end;
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_within_their_dictionary() {
        let mut pdf =
            b"1\n/Resources <<\n /XObject <<\n  /xo1 2 0 R\n  /xo0 3 0 R\n >>\n /Font <<\n  /fo0 1 0 R\n >>\n \
                        /ProcSet\n /b 2 0 R\n /a 1 0 R\n"
                .to_vec();
        sort_resources(&mut pdf);
        let expected = "1\n/Resources <<\n /XObject <<\n  /xo0 3 0 R\n  /xo1 2 0 R\n >>\n /Font <<\n  /fo0 1 0 R\n >>\n \
                        /ProcSet\n /b 2 0 R\n /a 1 0 R\n";
        assert_eq!(String::from_utf8(pdf).unwrap(), expected);
    }
}
