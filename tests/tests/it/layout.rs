//! The sources keep the layout rules.
//!
//! The rules and the checks of the checker are in `sabot_tests::layout`.

use sabot_tests::layout;
use std::path::Path;

#[test]
fn the_sources_keep_the_layout_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = layout::check(root).unwrap();
    let list: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} places break a rule:\n{}\n", list.len(), list.join("\n"));
}
