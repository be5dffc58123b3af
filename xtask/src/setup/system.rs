//! What the operating system must bring: compilers, headers, Java. Installed by apt where that is possible,
//! listed for a person where it is not.
//!
//! Checks look for the thing itself, not for a package, so they hold on every system.

use super::announce;
use crate::process::{self, Result, failed};
use std::process::Command;

/// One thing that must be there.
pub struct Requirement {
    /// What it is, for a person who installs it by hand.
    what: &'static str,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// Whether it is there.
    check: fn() -> bool,
}

const BUILD: [Requirement; 6] = [
    Requirement {
        what: "a C compiler (cc)",
        packages: &["gcc", "libc6-dev"],
        check: || process::find("cc").is_some(),
    },
    Requirement {
        what: "a C++ compiler (c++), for librdkafka",
        packages: &["g++"],
        check: || process::find("c++").is_some(),
    },
    Requirement {
        what: "make, for librdkafka",
        packages: &["make"],
        check: || process::find("make").is_some(),
    },
    Requirement {
        what: "pkg-config",
        packages: &["pkg-config"],
        check: || process::find("pkg-config").is_some(),
    },
    Requirement { what: "OpenSSL with headers", packages: &["libssl-dev"], check: || library("openssl") },
    Requirement { what: "zlib with headers", packages: &["zlib1g-dev"], check: || library("zlib") },
];

const JAVA: [Requirement; 2] = [
    Requirement {
        what: "Java 17 or newer, for the test broker",
        packages: &["openjdk-17-jre-headless"],
        check: has_java,
    },
    Requirement {
        what: "Maven, to fetch the test broker",
        packages: &["maven"],
        check: || process::find("mvn").is_some(),
    },
];

/// What building the host and running a broker take.
pub fn required(build: bool, broker: bool) -> Vec<&'static Requirement> {
    let mut list: Vec<&Requirement> = Vec::new();
    if build {
        list.extend(&BUILD);
    }
    if broker {
        list.extend(&JAVA);
    }
    list
}

/// Installs what is missing, or says what a person has to install.
pub fn provide(required: &[&Requirement]) -> Result<String> {
    let missing: Vec<&&Requirement> = required.iter().filter(|entry| !(entry.check)()).collect();
    if missing.is_empty() {
        return Ok("all there".into());
    }
    let mut packages: Vec<&str> = Vec::new();
    for entry in &missing {
        packages.extend(entry.packages);
    }
    if let Err(obstacle) = can_apt() {
        return failed(by_hand(&missing, &packages, obstacle));
    }
    apt(&packages)?;
    match required.iter().find(|entry| !(entry.check)()) {
        None => Ok(format!("installed {}", packages.join(" "))),
        Some(entry) => {
            failed(format!("{} is still missing after installing {}", entry.what, entry.packages.join(" ")))
        }
    }
}

/// Installs Debian packages.
pub fn apt(packages: &[&str]) -> Result {
    announce(&format!("apt-get install {}", packages.join(" ")));
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::quiet(apt_get().arg("update"))?;
    process::quiet(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))?;
    Ok(())
}

/// Whether packages can be installed here; if not, why.
pub fn can_apt() -> std::result::Result<(), &'static str> {
    if process::find("apt-get").is_none() {
        return Err("this is not Debian or Ubuntu");
    }
    if process::answer("id", &["-u"]).as_deref() != Some("0") {
        return Err("this is not root");
    }
    Ok(())
}

fn by_hand(missing: &[&&Requirement], packages: &[&str], obstacle: &str) -> String {
    let mut text = format!("{obstacle}, so please install:\n");
    for entry in missing {
        text.push_str(&format!("  - {}\n", entry.what));
    }
    text.push_str(&format!("On Debian or Ubuntu: sudo apt-get install {}", packages.join(" ")));
    text
}

fn library(name: &str) -> bool {
    process::succeeds("pkg-config", &["--exists", name])
}

fn has_java() -> bool {
    // A JRE prints its version on the standard error for -version and on the standard output for --version.
    process::answer("java", &["--version"])
        .and_then(|text| java_version(&text))
        .is_some_and(|version| version >= 17)
}

/// The major version in what `java --version` prints: `openjdk 17.0.15 2025-04-15`.
fn java_version(text: &str) -> Option<u32> {
    let word = text.split_whitespace().nth(1)?;
    word.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_are_read() {
        assert_eq!(java_version("openjdk 17.0.15 2025-04-15\n…"), Some(17));
        assert_eq!(java_version("java 21 2023-09-19 LTS"), Some(21));
        assert_eq!(java_version("openjdk 22-ea 2024-03-19"), Some(22));
        assert_eq!(java_version("nonsense"), None);
    }

    #[test]
    fn a_person_gets_a_list() {
        let missing = [&&BUILD[1], &&BUILD[4]];
        let text = by_hand(&missing, &["g++", "libssl-dev"], "this is not root");
        assert_eq!(
            text,
            "this is not root, so please install:\n  \
             - a C++ compiler (c++), for librdkafka\n  \
             - OpenSSL with headers\n\
             On Debian or Ubuntu: sudo apt-get install g++ libssl-dev"
        );
    }
}
