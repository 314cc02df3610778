//! Text and numbers as TeX reads them.

/// Text in which nothing is a command; the signs that reports use become mathematics, other characters are kept.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => escaped.extend(['\\', character]),
            // After the end of a line a bracket would be read as its length.
            '[' | ']' => escaped.extend(['{', character, '}']),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '|' => escaped.push_str("$|$"),
            '"' => escaped.push_str("''"),
            '↓' => escaped.push_str("$\\downarrow$"),
            '↑' => escaped.push_str("$\\uparrow$"),
            '†' => escaped.push_str("$^{\\dagger}$"),
            '‡' => escaped.push_str("$^{\\ddagger}$"),
            'µ' => escaped.push_str("$\\mu$"),
            '°' => escaped.push_str("$^{\\circ}$"),
            '×' => escaped.push_str("$\\times$"),
            '∞' => escaped.push_str("$\\infty$"),
            // Two hyphens would become a dash.
            '-' if escaped.ends_with('-') => escaped.push_str("{}-"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// A number of a table: with a real minus sign, and a power of ten where it has an exponent. "-" alone is no sign.
pub fn number(text: &str) -> String {
    let text = &text.replace('∞', "$\\infty$");
    let signed = |text: &str| text.strip_prefix('-').map_or(text.to_string(), |digits| format!("$-${digits}"));
    match text.split_once('e') {
        _ if text == "-" => text.to_string(),
        Some((digits, exponent)) if exponent.parse::<i32>().is_ok() => {
            format!("{}$\\times10^{{{exponent}}}$", signed(digits))
        }
        _ => signed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tex_would_read_is_escaped() {
        assert_eq!(escaped("50 % of a_b & {c} #1 $"), "50 \\% of a\\_b \\& \\{c\\} \\#1 \\$");
        assert_eq!(escaped("a\\b~c^d<e"), "a\\textbackslash{}b\\textasciitilde{}c\\textasciicircum{}d$<$e");
        assert_eq!(escaped("ig[steps=16]\n--x"), "ig{[}steps=16{]} -{}-x");
        assert_eq!(escaped("area, µs ↓†"), "area, $\\mu$s $\\downarrow$$^{\\dagger}$");
    }

    #[test]
    fn numbers_have_a_minus_sign() {
        assert_eq!(
            ["-0.50", "1", "-1.50e-7", "-", "NaN"].map(number),
            ["$-$0.50", "1", "$-$1.50$\\times10^{-7}$", "-", "NaN"]
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_left_to_be_read(text in "[ -~↓†µ\\n]{0,20}") {
            let escaped = escaped(&text);
            let mut depth = 0_i32;
            let mut characters = escaped.chars();
            while let Some(character) = characters.next() {
                match character {
                    // A command or an escaped character: what follows is taken.
                    '\\' => { characters.next(); }
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    other => proptest::prop_assert!(!"&#_%~\n".contains(other), "{escaped}"),
                }
                proptest::prop_assert!(depth >= 0, "{escaped}");
            }
            proptest::prop_assert!(depth == 0 && escaped.matches('$').count() >= text.matches('$').count());
        }
    }
}
