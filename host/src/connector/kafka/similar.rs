//! The nearest right name for a wrong one. Pure.

/// `; did you mean `x`?`, or nothing when no name is near.
pub(super) fn or_meant<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    match near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_best_first_and_far_ones_not() {
        let names = ["orders", "orders-eu", "users", "payments"];
        assert_eq!(or_meant("order", names.into_iter()), "; did you mean `orders` or `orders-eu`?");
        assert_eq!(or_meant("clicks", names.into_iter()), "");
    }
}
