//! `sabot component`: uploading components and looking at those that are there.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ureq::http::Method;

use super::client::{Body, Client, ClientArgs, segment};
use super::failure::Failure;
use super::output::{Output, facts, short, size, table, time};
use crate::control::api::{ComponentInfo, Components, Pushed, Usage};

/// Upload, list, show and remove components
#[derive(Args, Debug)]
pub struct ComponentArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Upload a component; the same bytes again change nothing
    Push {
        /// A component, as `sabot build` makes it
        file: PathBuf,
    },
    /// List all components
    List,
    /// Show a component, its manifest and who uses it
    Show {
        /// `name` (the newest), `name@version` or `sha256:…`
        #[arg(value_name = "REF")]
        reference: String,
    },
    /// Remove a component that no pipeline uses
    Rm {
        /// `name` (the newest), `name@version` or `sha256:…`
        #[arg(value_name = "REF")]
        reference: String,
    },
}

pub(super) fn run(args: &ComponentArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let format = args.client.output;
    match &args.command {
        Command::Push { file } => {
            let bytes = super::read_file(file)?;
            let body = Body { content_type: "application/wasm", bytes };
            let pushed: Pushed = client.call(Method::POST, "/v1/components", &[], Some(body))?;
            output.answer(format, &pushed, |p| {
                let what = if p.created { "stored" } else { "was there" };
                format!("{} {what}: {}", label(&p.component), p.component.digest)
            })
        }
        Command::List => {
            let all: Components = client.get("/v1/components")?;
            output.answer(format, &all, |all| list(&all.components))
        }
        Command::Show { reference } => {
            let one: ComponentInfo = client.get(&path(reference))?;
            output.answer(format, &one, show)
        }
        Command::Rm { reference } => {
            // A bare name means its newest version: by the digest it is that one, and said which.
            let one: ComponentInfo = client.get(&path(reference))?;
            client.delete(&path(&one.digest))?;
            output.say(format, &format!("{} removed", label(&one)))
        }
    }
}

fn path(reference: &str) -> String {
    format!("/v1/components/{}", segment(reference))
}

fn label(component: &ComponentInfo) -> String {
    format!("{}@{}", component.name, component.version)
}

fn list(components: &[ComponentInfo]) -> String {
    if components.is_empty() {
        return "no components yet; `sabot component push FILE.wasm` uploads one".into();
    }
    let rows = components.iter().map(|c| {
        [
            c.name.clone(),
            c.version.clone(),
            c.world.clone(),
            size(c.size_bytes),
            time(c.uploaded_ms),
            short(&c.digest),
            users(&c.used_by, false),
        ]
    });
    table(["NAME", "VERSION", "WORLD", ">SIZE", "UPLOADED", "DIGEST", "USED BY"], rows)
}

fn users(used_by: &[Usage], previous: bool) -> String {
    let of = used_by.iter().filter(|u| u.previous == previous);
    of.map(|u| format!("{}/{}", u.pipeline, u.step)).collect::<Vec<_>>().join(", ")
}

fn show(component: &ComponentInfo) -> String {
    facts(&[
        ("name", component.name.clone()),
        ("version", component.version.clone()),
        ("digest", component.digest.clone()),
        ("world", component.world.clone()),
        ("size", size(component.size_bytes)),
        ("uploaded", time(component.uploaded_ms)),
        ("used by", users(&component.used_by, false)),
        ("kept for rollback of", users(&component.used_by, true)),
        ("manifest", serde_saphyr::to_string(&component.manifest).unwrap_or_default()),
    ])
}
