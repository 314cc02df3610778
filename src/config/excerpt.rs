//! The source line that a mistake points at, measured in terminal cells so that carets stand under the right characters.

use super::Span;

/// The first line of a span, ready for a terminal.
pub(super) struct Excerpt {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    pub text: String,
    /// Terminal cells before the carets.
    pub indent: usize,
    pub carets: usize,
}

impl Excerpt {
    pub fn new(text: &str, span: &Span) -> Self {
        // A span may come from a parser that gave up: it need not lie in the text, nor on character boundaries.
        let start = span.start.min(text.len());
        let before = &text.as_bytes()[..start];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or("");

        let mut excerpt = Self { line: 1, column: 1, text: String::new(), indent: 0, carets: 0 };
        excerpt.line += before.iter().filter(|&&byte| byte == b'\n').count();
        for (offset, character) in line.char_indices() {
            let at = line_start + offset;
            let cells = push_cells(&mut excerpt.text, character);
            if at < start {
                excerpt.column += 1;
                excerpt.indent += cells;
            } else if at < span.end {
                excerpt.carets += cells;
            }
        }
        excerpt.carets = excerpt.carets.max(1);
        excerpt
    }
}

/// Appends a character as a terminal can show it, and returns how many cells it takes there.
fn push_cells(line: &mut String, character: char) -> usize {
    const TAB: &str = "    ";
    match character {
        '\t' => {
            line.push_str(TAB);
            TAB.len()
        }
        // An escape sequence in a file must not reach the terminal.
        _ if character.is_control() => {
            line.push(char::REPLACEMENT_CHARACTER);
            1
        }
        _ => {
            line.push(character);
            cells(character)
        }
    }
}

/// Terminal cells of a character: the blocks that are wide or without width in every common font.
fn cells(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036F | 0x200B..=0x200F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F | 0xFEFF => 0,
        0x1100..=0x115F
        | 0x2E80..=0x303E
        | 0x3041..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1F64F
        | 0x1F680..=0x1F6FF
        | 0x1F900..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line and the carets under it.
    fn drawn(text: &str, span: Span) -> [String; 2] {
        let excerpt = Excerpt::new(text, &span);
        [excerpt.text, " ".repeat(excerpt.indent) + &"^".repeat(excerpt.carets)]
    }

    #[test]
    fn carets_stay_under_tabs_and_wide_characters() {
        // Four cells for the tab, two for each ideograph, one for the space.
        assert_eq!(drawn("\t漢字 x = 1", 8..9), ["    漢字 x = 1", "         ^"]);
        assert_eq!(drawn("k = '漢字'", 4..12), ["k = '漢字'", "    ^^^^^^"]);
        // Two bytes, one cell; and an accent that stands on its letter takes none.
        assert_eq!(drawn("é = é", 5..7), ["é = é", "    ^"]);
        assert_eq!(drawn("e\u{301} = 1", 6..7), ["e\u{301} = 1", "    ^"]);
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let excerpt = Excerpt::new("a = 1\n\t漢字 x = 1\n", &(14..15));
        assert_eq!((excerpt.line, excerpt.column), (2, 5));
    }

    #[test]
    fn an_empty_span_has_one_caret_and_a_long_one_ends_with_its_line() {
        assert_eq!(drawn("", 0..0), ["", "^"]);
        assert_eq!(drawn("a = 1\n", 6..6), ["", "^"]);
        assert_eq!(drawn("a = [\n1]\n", 4..8), ["a = [", "    ^"]);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(drawn("a\u{1b}[31m = 1\r\n", 0..1), ["a\u{fffd}[31m = 1", "^"]);
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_character_is_drawn_too() {
        for span in [100..200, 1..1, 1..2, 0..usize::MAX] {
            assert_eq!(drawn("é", span)[0], "é");
        }
    }
}
