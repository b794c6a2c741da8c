//! Names under which uploads are stored (contract/03 §8, contract/13 §4).

use crate::ids;

const GIVEN_BYTES_MAX: usize = 300;
const STEM_CHARACTERS_MIN: usize = 3;
const STEM_CHARACTERS_MAX: usize = 100;
const EXTENSION_BYTES_MAX: usize = 20;
const RANDOM_CHARACTERS: usize = 10;

/// The name to store an upload under that the client calls `given`: `stem_random.ext`. Without an extension of its own
/// it gets `sniffed_extension` (with its dot, or empty).
pub fn stored_name(given: &str, sniffed_extension: &str) -> String {
    let base = base_name(given);
    let base = last_bytes(base, GIVEN_BYTES_MAX);
    let (stem, extension) = split_extension(base);
    let extension = clean_extension(extension, sniffed_extension);
    let mut stem = snake_case(stem.trim_matches('.'));
    if stem.len() < STEM_CHARACTERS_MIN {
        stem.push_str(&ids::lower(RANDOM_CHARACTERS));
    }
    stem.truncate(STEM_CHARACTERS_MAX);
    format!("{stem}_{}{extension}", ids::lower(RANDOM_CHARACTERS))
}

/// What follows the last slash.
pub fn base_name(given: &str) -> &str {
    let trimmed = given.trim_end_matches('/');
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

/// The longest end of `text` that has at most `bytes` bytes.
fn last_bytes(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Splits before the last dot, or before the second last if there are several.
fn split_extension(name: &str) -> (&str, &str) {
    let Some(last) = name.rfind('.') else { return (name, "") };
    let dot = name[..last].rfind('.').unwrap_or(last);
    name.split_at(dot)
}

fn clean_extension(extension: &str, sniffed: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || "_.*-+=#".contains(*c);
    let kept: String = extension.chars().filter(is_kept).collect();
    let kept = kept.trim_matches('.');
    if kept.is_empty() {
        return sniffed.to_owned();
    }
    format!(".{}", last_bytes(kept, EXTENSION_BYTES_MAX).trim_matches('.'))
}

/// Words of ASCII letters and digits, lower-cased and joined with `_`; within a word, an upper-case letter after
/// another character begins a new one.
fn snake_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut previous: Option<char> = None;
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() {
            previous = None;
            continue;
        }
        let begins_word = match previous {
            None => true,
            Some(previous) => c.is_ascii_uppercase() && !previous.is_ascii_uppercase(),
        };
        if begins_word && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        previous = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Pattern;

    #[test]
    fn names_of_the_contract() {
        const R: &str = "[a-z0-9]{10}";
        let long = format!("{}.txt", "x".repeat(310));
        let hundred = "x".repeat(100);
        for (given, sniffed, stored) in [
            ("Test File.TXT", ".txt", format!("test_file_{R}\\.TXT")),
            ("IMG_2024 (1).png", ".png", format!("img_2024_1_{R}\\.png")),
            ("CamelCaseName.JPG", ".txt", format!("camel_case_name_{R}\\.JPG")),
            ("HTTPServer2Name.x", ".txt", format!("httpserver2_name_{R}\\.x")),
            ("a1B2.txt", ".txt", format!("a1_b2_{R}\\.txt")),
            ("a.txt", ".txt", format!("a{R}_{R}\\.txt")),
            (".htaccess", ".txt", format!("{R}_{R}\\.htaccess")),
            ("Üñïcödé名.txt", ".txt", format!("c_d_{R}\\.txt")),
            ("no ext", ".txt", format!("no_ext_{R}\\.txt")),
            ("../../etc/passwd", ".txt", format!("passwd_{R}\\.txt")),
            ("name.p+h=p#", ".txt", format!("name_{R}\\.p\\+h=p\\#")),
            ("v1.2 final.pdf", ".pdf", format!("v1{R}_{R}\\.2final\\.pdf")),
            ("Test Image (1).PNG", ".png", format!("test_image_1_{R}\\.PNG")),
            ("a.png", ".png", format!("a{R}_{R}\\.png")),
            (".hidden", "", format!("{R}_{R}\\.hidden")),
            ("noext", ".png", format!("noext_{R}\\.png")),
            ("noext", "", format!("noext_{R}")),
            ("trailing.", ".txt", format!("trailing_{R}\\.txt")),
            ("ünïcode ☃ näme.txt", ".txt", format!("n_code_n_me_{R}\\.txt")),
            ("a.b.c.tar.gz", ".gz", format!("a_b_c_{R}\\.tar\\.gz")),
            ("myTestDB.JSON", ".json", format!("my_test_db_{R}\\.JSON")),
            ("file_name-v1.2.txt", ".txt", format!("file_name_v1_{R}\\.2\\.txt")),
            (r"..\..\e.txt", ".txt", format!("{R}_{R}\\.e\\.txt")),
            ("../../e.txt", ".txt", format!("e{R}_{R}\\.txt")),
            ("sp ace.t$x%t", ".txt", format!("sp_ace_{R}\\.txt")),
            ("a.verylongextension0123456789abcdef", "", format!("a{R}_{R}\\.sion0123456789abcdef")),
            (&long, ".txt", format!("{hundred}_{R}\\.txt")),
            ("", "", format!("{R}_{R}")),
            ("名", "", format!("{R}_{R}")),
        ] {
            let name = stored_name(given, sniffed);
            let pattern = Pattern::from(format!("^{stored}$").as_str());
            assert_eq!(pattern.error(), None);
            assert!(pattern.is_found_in(&name), "{given:?} became {name:?}, not {stored}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_name_is_safe(given in "\\PC{0,50}|[./\\\\a-z]{0,400}", sniffed in "|\\.txt") {
            let name = stored_name(&given, &sniffed);
            proptest::prop_assert!(name.len() <= 150);
            proptest::prop_assert!(Pattern::from(r"^[^\./\\][^/\\]+$").is_found_in(&name), "{}", name);
            proptest::prop_assert!(name.is_ascii());
        }
    }
}
