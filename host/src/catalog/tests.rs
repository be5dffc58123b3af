//! The catalog on a real disk: what is confirmed is there after opening again, whatever was left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn open(folder: &Path) -> Catalog {
    Catalog::open(folder, limits(), Options::default()).unwrap()
}

fn described(name: &str, version: &str) -> Described {
    Described {
        name: name.into(),
        version: version.into(),
        world: "filter".into(),
        manifest: json!({"a": 1}),
    }
}

fn pinned(digest: &str) -> Pinned {
    Pinned { digest: digest.into(), reference: "scorer".into(), config: None }
}

fn proposal<'a>(name: &'a str, spec: &'a str, digest: Option<&str>, expect: Option<u64>) -> Proposal<'a> {
    let pins = digest.map(|d| ("score".to_owned(), pinned(d))).into_iter().collect();
    Proposal { name, spec, pins, schemas: BTreeMap::new(), wanted: Wanted::Running, expect }
}

/// An error's text with the folder left out.
fn text(folder: &Path, error: &CatalogError) -> String {
    error.to_string().replace(&folder.display().to_string(), "DATA")
}

#[test]
fn what_is_confirmed_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    let (one, created) = catalog.put_component(described("scorer", "1.0.0"), b"one", 5).unwrap();
    assert!(created);
    assert!(!catalog.put_component(described("scorer", "1.0.0"), b"one", 6).unwrap().1);
    let (two, _) = catalog.put_component(described("scorer", "2.0.0"), b"two", 7).unwrap();
    assert!(catalog.apply(proposal("fraud", "a: 1", Some(&one.digest), None), 8).unwrap().created);
    assert!(!catalog.apply(proposal("fraud", "a: 1", Some(&one.digest), None), 9).unwrap().changed);
    catalog.swap("fraud", "score", pinned(&two.digest), Some(1), 10).unwrap();
    let unchanged = catalog.swap("fraud", "score", pinned(&two.digest), Some(2), 11).unwrap();
    assert_eq!(unchanged.revision, 2);
    catalog.want("fraud", Wanted::Stopped).unwrap();
    let before = catalog.pipeline("fraud").unwrap();
    drop(catalog);

    let catalog = open(folder.path());
    assert_eq!(catalog.pipeline("fraud").unwrap(), before);
    assert_eq!(before.pins["score"].previous.as_ref().unwrap().digest, one.digest);
    assert_eq!(catalog.component_bytes("scorer").unwrap(), b"two");
    assert_eq!(catalog.components(), [one.clone(), two.clone()]);
    let back = catalog.roll_back("fraud", "score", Some(2), "by hand", 12).unwrap();
    assert_eq!((back.revision, &back.pins["score"].current.digest), (3, &one.digest));
    assert_eq!(back.pins["score"].previous, None, "going back again does not go forward");
    let causes: Vec<_> = back.history.iter().map(|c| (c.revision, c.cause)).collect();
    assert_eq!(causes, [(1, Cause::Apply), (2, Cause::Swap), (3, Cause::Rollback)]);
    assert_eq!(catalog.damages().len(), 0);
}

#[test]
fn a_version_is_taken_back_only_while_it_runs_and_nobody_comes_back_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    let (one, _) = catalog.put_component(described("scorer", "1.0.0"), b"one", 5).unwrap();
    catalog.apply(proposal("fraud", "a: 1", Some(&one.digest), None), 8).unwrap();
    // The same component with another configuration is another version.
    let with = |config| Pinned { config: Some(config), ..pinned(&one.digest) };
    let (five, two) = (with(serde_json::json!({ "value": 5 })), with(serde_json::json!({ "value": 2 })));
    catalog.swap("fraud", "score", five.clone(), None, 9).unwrap();
    let not_written = catalog.take_back("fraud", "score", &two, "trapped", 10).unwrap();
    assert_eq!((not_written.revision, &not_written.pins["score"].current), (2, &five));
    let back = catalog.take_back("fraud", "score", &five, "trapped", 10).unwrap();
    assert_eq!((back.revision, &back.pins["score"].current.config), (3, &None));
    assert_eq!(back.pins["score"].previous, None);
    // What was left by hand is not taken back once more.
    catalog.swap("fraud", "score", five.clone(), None, 11).unwrap();
    catalog.roll_back("fraud", "score", None, "by hand", 12).unwrap();
    let after = catalog.take_back("fraud", "score", &five, "rolled back by hand", 13).unwrap();
    assert_eq!((after.revision, &after.pins["score"].current.config), (5, &None));
}

#[test]
fn a_pipeline_that_gave_up_is_known_to_have_until_somebody_says_what_it_should_do() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    catalog.apply(proposal("fraud", "a: 1", None, None), 1).unwrap();
    catalog.give_up("fraud", "too much failed", 7).unwrap();
    drop(catalog);
    let catalog = open(folder.path());
    let found = catalog.pipeline("fraud").unwrap();
    let gave_up = GaveUp { reason: "too much failed".into(), at_ms: 7 };
    assert_eq!((found.wanted, found.revision, found.gave_up.clone()), (Wanted::Running, 1, Some(gave_up)));
    assert_eq!(catalog.want("fraud", Wanted::Running).unwrap().gave_up, None);
    drop(catalog);
    assert_eq!(open(folder.path()).pipeline("fraud").unwrap().gave_up, None);
    assert!(open(folder.path()).give_up("unknown", "", 8).is_err());
}

#[test]
fn refusals_name_the_thing_the_limit_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let few = Limits {
        components: 2,
        pipelines: 1,
        component_bytes: 10,
        components_bytes: 12,
        pipeline_bytes: 8,
        ..limits()
    };
    let catalog = Catalog::open(folder.path(), few, Options::default()).unwrap();
    let (one, _) = catalog.put_component(described("scorer", "1.0.0"), b"one", 1).unwrap();
    catalog.apply(proposal("fraud", "a: 1", Some(&one.digest), Some(0)), 2).unwrap();
    let mut all: Vec<CatalogError> = Vec::new();
    let put = |name: &str, version: &str, bytes: &[u8]| {
        catalog.put_component(described(name, version), bytes, 3).unwrap_err()
    };
    all.push(put("scorer", "1.0.0", b"other"));
    all.push(put("Scorer!", "1.0.0", b"other"));
    all.push(put("scorer", "1.0", b"other"));
    all.push(put("big", "1.0.0", b"more than ten"));
    all.push(put("big", "1.0.0", b"ten bytes!"));
    catalog.put_component(described("second", "1.0.0"), b"2", 3).unwrap();
    all.push(put("third", "1.0.0", b"3"));
    all.push(catalog.remove_component("scorer").unwrap_err());
    let apply = |p: Proposal<'_>| catalog.apply(p, 3).unwrap_err();
    all.push(apply(proposal("fraud", "a: 2", None, Some(7))));
    all.push(apply(proposal("fraud", "a: 2", None, Some(0))));
    all.push(apply(proposal("other", "a: 2", None, None)));
    all.push(apply(proposal("../up", "a: 2", None, None)));
    all.push(apply(proposal("fraud", "a: 123456", None, None)));
    all.push(apply(proposal("fraud", "a: 2", Some("sha256:00"), None)));
    all.push(catalog.pipeline("frau").unwrap_err());
    all.push(catalog.swap("fraud", "scor", pinned(&one.digest), None, 3).unwrap_err());
    all.push(catalog.roll_back("fraud", "score", None, "", 3).unwrap_err());
    all.push(Catalog::open(folder.path(), few, Options::default()).err().unwrap());
    let process = format!("process {}", std::process::id());
    let texts: Vec<_> = all.iter().map(|e| text(folder.path(), e).replace(&process, "process 12")).collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    scorer@1.0.0 is stored with other bytes (sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed): a version means one component for ever; give the changed component a new version in its manifest
    the name of a component: `Scorer!` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`
    the version `1.0` of component `scorer` is not a semantic version such as `1.2.0`
    the component has 13 bytes; the limit `limits.component_bytes` is 10
    the host would hold 13 bytes of components; the limit `limits.components_bytes` is 12: remove some, or raise it
    the host would hold 3 components; the limit `limits.components` is 2: remove some, or raise it
    component scorer@1.0.0 is in use: step `score` of pipeline `fraud`
    pipeline `fraud` is at revision 1, the request expects it to be at revision 7: read it again, and repeat with the new revision if the change still fits
    pipeline `fraud` is at revision 1, the request expects it to be new: read it again, and repeat with the new revision if the change still fits
    the host would hold 2 pipelines; the limit `limits.pipelines` is 1: remove some, or raise it
    the name of a pipeline: `../up` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`
    the specification has 9 bytes; the limit `limits.pipeline_bytes` is 8
    there is no component `sha256:00` any more, which step `score` should run; upload it again
    there is no pipeline `frau`; did you mean `fraud`?
    there is no step with a component `scor`; did you mean `score`?
    step `score` of pipeline `fraud` has no component before sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed, or it was gone back to already: nothing to go back to. A swap runs any version
    the data folder DATA is in use by another host (process 12): stop that one, or give this one another `data_dir`
    ");
    assert_eq!(catalog.pipeline("fraud").unwrap().revision, 1);
}

#[test]
fn a_version_may_mean_the_last_upload_where_the_host_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path(), limits(), Options { reuse_versions: true }).unwrap();
    catalog.put_component(described("scorer", "1.0.0"), b"one", 1).unwrap();
    catalog.put_component(described("scorer", "1.0.0"), b"two", 2).unwrap();
    assert_eq!(catalog.component_bytes("scorer@1.0.0").unwrap(), b"two");
}

#[test]
fn leftovers_of_a_kill_are_ignored_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    let (one, _) = catalog.put_component(described("scorer", "1.0.0"), b"one", 1).unwrap();
    catalog.apply(proposal("fraud", "a: 1", Some(&one.digest), None), 1).unwrap();
    drop(catalog);
    let components = folder.path().join("components");
    let pipelines = folder.path().join("pipelines");
    fs::write(pipelines.join(".unfinished-x1"), b"{\"name\": \"fraud\", \"revi").unwrap();
    fs::write(components.join(".unfinished-x2"), b"").unwrap();
    fs::write(components.join("00ff.wasm"), b"bytes without a record").unwrap();
    fs::write(components.join("notes.txt"), b"somebody's").unwrap();
    let catalog = open(folder.path());
    assert_eq!(catalog.pipelines().len(), 1);
    assert_eq!(catalog.components().len(), 1);
    assert_eq!(catalog.damages().len(), 0);
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((count(&components), count(&pipelines)), (3, 1));
}

#[test]
fn a_damaged_record_names_its_file_and_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    let (one, _) = catalog.put_component(described("one", "1.0.0"), b"one", 1).unwrap();
    let (two, _) = catalog.put_component(described("two", "1.0.0"), b"two", 1).unwrap();
    for name in ["a", "b", "c"] {
        catalog.apply(proposal(name, "a: 1", Some(&one.digest), None), 1).unwrap();
    }
    drop(catalog);
    fs::write(folder.path().join("pipelines/a.json"), b"{\"name\": \"a\", \"rev").unwrap();
    fs::copy(folder.path().join("pipelines/c.json"), folder.path().join("pipelines/b.json")).unwrap();
    fs::write(folder.path().join(format!("components/{}.wasm", &one.digest[7..])), b"on").unwrap();
    fs::write(folder.path().join(format!("components/{}.wasm", &two.digest[7..])), b"TWO").unwrap();

    let catalog = open(folder.path());
    let mut texts: Vec<_> = catalog.damages().iter().map(|e| text(folder.path(), e)).collect();
    texts.push(text(folder.path(), &catalog.component_bytes("two").unwrap_err()));
    texts.push(text(folder.path(), &catalog.apply(proposal("a", "a: 1", None, None), 1).unwrap_err()));
    insta::assert_snapshot!(texts.join("\n"), @r"
    DATA/components/7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed.wasm is damaged (it has 2 bytes and should have 3): upload the same component again, which replaces it
    DATA/pipelines/a.json is damaged (EOF while parsing a string at line 1 column 18): put the file back from a backup and start the host again, or remove the pipeline (`sabot pipeline rm a`) and apply it anew; its committed offsets are kept by its consumer group
    DATA/pipelines/b.json is damaged (its record is that of `c`): put the file back from a backup and start the host again, or remove the pipeline (`sabot pipeline rm b`) and apply it anew; its committed offsets are kept by its consumer group
    DATA/components/3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3.wasm is damaged (its bytes have another digest): upload the same component again, which replaces it
    DATA/pipelines/a.json is damaged (EOF while parsing a string at line 1 column 18): put the file back from a backup and start the host again, or remove the pipeline (`sabot pipeline rm a`) and apply it anew; its committed offsets are kept by its consumer group
    ");
    assert_eq!(catalog.pipeline("c").unwrap().revision, 1);

    catalog.remove_pipeline("a").unwrap();
    assert!(catalog.apply(proposal("a", "a: 1", None, None), 1).unwrap().created);
    assert!(catalog.put_component(described("one", "1.0.0"), b"one", 2).unwrap().1);
    assert_eq!(catalog.component_bytes("one").unwrap(), b"one");
    catalog.put_component(described("two", "1.0.0"), b"two", 2).unwrap();
    assert_eq!(catalog.component_bytes("two").unwrap(), b"two");
    drop(catalog);
    assert_eq!(open(folder.path()).damages().len(), 1);
}

#[test]
fn a_later_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(folder.path().join("FORMAT"), "2\n").unwrap();
    let error = Catalog::open(folder.path(), limits(), Options::default()).err().unwrap();
    insta::assert_snapshot!(text(folder.path(), &error), @"the data folder DATA has format 2, this release knows 1: run the release that wrote it, or give another `data_dir`");
}

/// Not a test of its own: the process that the next test kills. It changes a pipeline for ever and says each
/// revision that was confirmed.
#[test]
#[ignore = "the child process of killed_at_any_point"]
fn killed_at_any_point_child() {
    let Ok(folder) = std::env::var("SABOT_TEST_CATALOG") else { return };
    let catalog = open(Path::new(&folder));
    let mut revision = catalog.pipeline("fraud").map_or(0, |p| p.revision);
    loop {
        let spec = format!("a: {revision} # {}", "x".repeat(5_000));
        let bytes = format!("component {revision} {}", "y".repeat(20_000));
        let version = format!("1.0.{revision}");
        let (component, _) =
            catalog.put_component(described("scorer", &version), bytes.as_bytes(), 1).unwrap();
        let stored =
            catalog.apply(proposal("fraud", &spec, Some(&component.digest), Some(revision)), 1).unwrap();
        revision = stored.record.revision;
        println!("confirmed {revision}");
    }
}

#[test]
fn killed_at_any_point() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "catalog::tests::killed_at_any_point_child", "--ignored", "--nocapture"])
            .env("SABOT_TEST_CATALOG", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut confirmed = 0;
        let mut left = 1 + random.usize(..30);
        for line in lines.map_while(Result::ok) {
            // The harness may write its own text before the first one.
            let Some((_, revision)) = line.split_once("confirmed ") else { continue };
            confirmed = revision.trim().parse().unwrap();
            if left == 0 {
                // What the child wrote before it died is still read.
                let _ = child.kill();
            }
            left = left.saturating_sub(1);
        }
        child.wait().unwrap();
        let catalog = open(folder.path());
        assert_eq!(catalog.damages().len(), 0, "round {round}");
        let pipeline = catalog.pipeline("fraud").unwrap();
        assert!(
            pipeline.revision >= confirmed && confirmed > 0,
            "round {round}: {} < {confirmed}",
            pipeline.revision
        );
        let digest = &pipeline.pins["score"].current.digest;
        assert_eq!(&digest_of(&catalog.component_bytes(digest).unwrap()), digest);
        let names: BTreeMap<_, _> = catalog.components().into_iter().map(|c| (c.version, c.digest)).collect();
        assert!(names.len() as u64 >= confirmed);
    }
}
