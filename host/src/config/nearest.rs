//! The nearest right name for a wrong one, for error texts. Pure.

/// The name among `names` that was probably meant by `wrong`, if any is near enough.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong_lower = wrong.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong_lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + wrong.chars().count().max(name.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean `name`?`, or nothing.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_found_and_another_word_is_not() {
        let names = ["listen", "data_dir", "tokens", "connections"];
        assert_eq!(nearest("lisen", names), Some("listen"));
        assert_eq!(nearest("Tokne", names), Some("tokens"));
        assert_eq!(nearest("data-dir", names), Some("data_dir"));
        assert_eq!(nearest("color", names), None);
        assert_eq!(did_you_mean("color", names), "");
    }
}
