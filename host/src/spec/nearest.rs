//! Which of some names was probably meant. Knows nothing of what the names stand for.

/// The candidate that is nearest to `word`, if one is near enough to be what was meant: at most a third of its
/// letters wrong, or the one a prefix of the other.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // Comparing is quadratic in length, and nobody misspells by this much.
    if length == 0 || length > 100 {
        return None;
    }
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let Some(distance) = distance(&lower, candidate) else { continue };
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn distance(lower: &str, candidate: &str) -> Option<usize> {
    let against = candidate.to_lowercase();
    if against.chars().count() > 100 {
        return None;
    }
    let distance = strsim::damerau_levenshtein(lower, &against);
    let longer = lower.chars().count().max(against.chars().count());
    let shorter = lower.chars().count().min(against.chars().count());
    let extends = shorter >= 3 && (lower.starts_with(&against) || against.starts_with(lower));
    (distance <= longer.div_ceil(3).min(4) && distance < longer || extends).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["partitioner", "compression", "connection", "topic", "key", "linger"];
        for (written, meant) in [
            ("partitoner", Some("partitioner")),
            ("Topic", Some("topic")),
            ("topci", Some("topic")),
            ("keys", Some("key")),
            ("conection", Some("connection")),
            ("compress", Some("compression")),
            ("frobnicate", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }

    #[test]
    fn long_words_cost_nothing() {
        assert_eq!(nearest(&"a".repeat(1_000_000), ["a"]), None);
    }
}
