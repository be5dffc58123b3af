//! `sabot token`: makes a token and what the settings keep of it. The token itself is shown once and kept nowhere.

use std::fs::File;
use std::io::Read;

use clap::{Args, ValueEnum};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::output::{Format, Output};

/// Make a token and its entry for sabot.yaml
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// Names the caller in the host's log
    name: String,
    /// What it may do
    #[arg(long, value_enum, default_value_t = RoleArg::Viewer)]
    role: RoleArg,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum RoleArg {
    /// Read
    Viewer,
    /// Change components and pipelines
    Deployer,
    /// Also remove them
    Admin,
}

#[derive(Serialize)]
struct Made {
    token: String,
    name: String,
    role: RoleArg,
    sha256: String,
}

pub(super) fn run(args: &TokenArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let random = random().map_err(|e| Failure::plain(format!("no random bytes: {e}")))?;
    let made = make(&args.name, args.role, &random);
    output.answer(args.output, &made, text)
}

/// 32 bytes that nobody can guess, from the system.
fn random() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn make(name: &str, role: RoleArg, random: &[u8; 32]) -> Made {
    let token = format!("sabot_{}", hex::encode(random));
    let sha256 = hex::encode(Sha256::digest(&token));
    Made { token, name: name.to_owned(), role, sha256 }
}

fn text(made: &Made) -> String {
    let role = made.role.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
    // JSON strings are YAML strings: whatever the name holds, the entry stays one.
    let name = serde_json::Value::from(made.name.as_str());
    format!(
        "The token, shown this once; send it as SABOT_TOKEN:\n  {}\nIts entry in sabot.yaml:\ntokens:\n  - {{ name: \
         {name}, role: {role}, sha256: {} }}",
        made.token, made.sha256
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Role, Surroundings};

    #[test]
    fn the_entry_is_one_that_the_settings_take() {
        let made = make("ci: #1", RoleArg::Deployer, &[7; 32]);
        let text = text(&made);
        insta::assert_snapshot!(text, @r#"
        The token, shown this once; send it as SABOT_TOKEN:
          sabot_0707070707070707070707070707070707070707070707070707070707070707
        Its entry in sabot.yaml:
        tokens:
          - { name: "ci: #1", role: deployer, sha256: a0ffc81d3c5971e50be11f964851b73b7a36f038389a2abf5d6d915e6491cdbe }
        "#);
        let (_, entry) = text.split_once("sabot.yaml:\n").unwrap();
        let around = Surroundings { folder: std::path::Path::new(""), variable: &|_| None };
        let config = Config::parse("sabot.yaml", entry, &around).unwrap();
        assert_eq!((config.tokens[0].name.as_str(), config.tokens[0].role), ("ci: #1", Role::Deployer));
        let hash: [u8; 32] = Sha256::digest(&made.token).into();
        assert_eq!(config.tokens[0].sha256, hash);
    }
}
