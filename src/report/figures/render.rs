//! One SVG in, PNG and PDF out, with the one font that is shipped, so that a figure looks the same wherever it is made.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::pdf::pdf;
use crate::error::{Error, Result};

/// What a viewer without the shipped font falls back to has the same widths.
pub const FONT_FAMILY: &str = "Liberation Sans, Arial, Helvetica, sans-serif";

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(include_bytes!("font/LiberationSans-Regular.ttf").to_vec());
    fonts.set_sans_serif_family("Liberation Sans");
    Arc::new(fonts)
});

/// Pixels per CSS pixel (1/96 inch).
const PNG_SCALE: f32 = 2.0;

/// The same drawing in the formats made from an SVG.
pub struct Rendered {
    pub png: Vec<u8>,
    pub pdf: Vec<u8>,
}

pub fn render(svg: &str) -> Result<Rendered> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("cannot draw a figure: {error}"));
    let tree = parse(svg).map_err(|error| failed(&error))?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE);
    let mut pixels = size
        .and_then(|size| Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| failed(&"it is empty or too large"))?;
    // The last row and column may be covered in part only.
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    let png = png(&pixels).map_err(|error| failed(&error))?;
    let pdf = pdf(&tree).map_err(|error| failed(&error))?;
    Ok(Rendered { png, pdf })
}

/// Opaque pixels as PNG. The renderer's own encoder is made for speed and gives files many times as large.
fn png(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let colours: Vec<u8> =
        pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    encoded(pixels.width(), pixels.height(), &colours)
}

/// Rows of red, green and blue bytes as PNG, packed well where a row resembles the one above it.
pub fn encoded(width: u32, height: u32, colours: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Default);
    encoder.set_filter(png::FilterType::Up);
    encoder.write_header()?.write_image_data(colours)?;
    Ok(bytes)
}

pub fn parse(svg: &str) -> Result<Tree, resvg::usvg::Error> {
    let options = Options { fontdb: FONTS.clone(), font_family: "Liberation Sans".into(), ..Options::default() };
    Tree::from_str(svg, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::canvas::{Anchor, Canvas, INK, TEXT};

    #[test]
    fn a_drawing_becomes_a_bitmap_and_a_page_of_its_size() {
        let mut canvas = Canvas::new(72.0);
        canvas.text((10.0, 20.0), TEXT, Anchor::Left, INK, "text");
        let svg = canvas.finish(36.0);
        let rendered = render(&svg).unwrap();
        let pixels = Pixmap::decode_png(&rendered.png).unwrap();
        // 72 points are 96 CSS pixels.
        assert_eq!((pixels.width(), pixels.height()), (192, 96));
        assert!(pixels.pixels().iter().any(|pixel| pixel.red() < 100), "the text is drawn");
        let pdf = String::from_utf8_lossy(&rendered.pdf);
        assert!(pdf.starts_with("%PDF-") && pdf.trim_end().ends_with("%%EOF"));
        assert!(pdf.contains("/MediaBox [0 0 72 36]") && pdf.contains("LiberationSans"));
    }

    #[test]
    fn equal_drawings_give_equal_bytes() {
        let mut canvas = Canvas::new(72.0);
        for index in 1..20 {
            let side = f64::from(index);
            canvas.area(&[(0.0, 0.0), (side, 0.0), (side, side)], INK, side / 20.0);
        }
        let svg = canvas.finish(72.0);
        let first = render(&svg).unwrap();
        let second = render(&svg).unwrap();
        assert!(first.pdf == second.pdf && first.png == second.png);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn any_label_can_be_drawn(label in ".{0,20}") {
            let mut canvas = Canvas::new(72.0);
            canvas.text((0.0, 20.0), TEXT, Anchor::Center, INK, &label);
            proptest::prop_assert!(render(&canvas.finish(36.0)).is_ok());
        }
    }
}
