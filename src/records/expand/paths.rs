//! The text of the `expand` parameter.

/// Levels of a path; what is deeper is dropped silently.
const LEVELS_MAX: usize = 6;
/// Paths that are looked at. The contract names no bound; a thousand is beyond any real request.
const PATHS_MAX: usize = 1000;

/// The paths of a text without blanks in order, each as its segments: outer dots trimmed, empty ones and those contained
/// in a longer one left out.
pub fn parse(text: &str) -> Vec<Vec<&str>> {
    let paths = text.split(',').take(PATHS_MAX).map(|path| path.trim_matches('.'));
    let paths: Vec<Vec<&str>> =
        paths.filter(|path| !path.is_empty()).map(|path| path.split('.').take(LEVELS_MAX).collect()).collect();
    let is_contained = |at: usize| {
        paths
            .iter()
            .enumerate()
            .any(|(other, longer)| longer.starts_with(&paths[at]) && (longer.len() > paths[at].len() || other < at))
    };
    let kept: Vec<bool> = (0..paths.len()).map(|at| !is_contained(at)).collect();
    paths.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(path, _)| path).collect()
}

/// `OTHER_via_FIELD`, or the old form `OTHER(FIELD)`.
pub fn split_back_relation(segment: &str) -> Option<(&str, &str)> {
    if let Some((source, rest)) = segment.split_once('(') {
        return rest.strip_suffix(')').map(|field| (source, field));
    }
    segment.split_once("_via_") // no name has it (contract/03 §1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_trimmed_and_contained_ones_left_out() {
        for (text, expected) in [
            ("a", vec![vec!["a"]]),
            ("a,b.c,,.,.d.", vec![vec!["a"], vec!["b", "c"], vec!["d"]]),
            ("a,a.b,a", vec![vec!["a", "b"]]),
            ("a.b,a.c", vec![vec!["a", "b"], vec!["a", "c"]]),
            ("ab,a", vec![vec!["ab"], vec!["a"]]),
            ("a.b.c.d.e.f.g.h", vec![vec!["a", "b", "c", "d", "e", "f"]]),
            ("a,a", vec![vec!["a"]]),
            ("", vec![]),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn back_relations_have_two_forms() {
        assert_eq!(split_back_relation("comments_via_post"), Some(("comments", "post")));
        assert_eq!(split_back_relation("comments(post)"), Some(("comments", "post")));
        assert_eq!(split_back_relation("comments(post"), None);
        assert_eq!(split_back_relation("comments"), None);
    }
}
