//! Fetches Apache Kafka's jars through Maven into the cache, once per version.
//!
//! Knows nothing of running a broker.

use crate::paths;
use crate::process::{self, Result, doing, failed};
use std::path::PathBuf;
use std::process::Command;

/// The version that tests run against.
pub const VERSION: &str = "4.3.0";
const LOG4J: &str = "2.25.1";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// The folder of jars; fetched where it is not there yet.
pub fn install() -> Result<PathBuf> {
    let base = paths::cache()?.join("kafka").join(VERSION);
    // Named after what is in it: what an earlier release fetched is no longer enough.
    let jars = base.join("broker-and-tools");
    if jars.is_dir() {
        return Ok(jars);
    }
    if process::find("mvn").is_none() {
        return failed("Maven is missing: run `cargo xtask setup`");
    }
    process::make_folder(&base)?;
    eprintln!("    fetching Apache Kafka {VERSION} through Maven (45 MB) …");
    process::write(&base.join("pom.xml"), &pom())?;
    let partial = base.join(format!("partial-{}", std::process::id()));
    process::quiet(
        Command::new("mvn")
            .args(["-B", "-ntp", "-U", "-Dstyle.color=never", COPY])
            .arg(format!("-DoutputDirectory={}", partial.display()))
            .arg("-DincludeScope=runtime")
            .current_dir(&base),
    )?;
    // A rename, so that an interrupted fetch is never taken for a whole one. Where another process was
    // faster, its jars are as good as ours.
    let moved = std::fs::rename(&partial, &jars);
    if jars.is_dir() {
        let _ = std::fs::remove_dir_all(&partial);
        return Ok(jars);
    }
    doing("move the jars into place", moved).map(|()| jars)
}

fn pom() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    let mut dependencies = dependency("org.apache.kafka", "kafka_2.13", VERSION);
    // Kafka's command line; what the broker brings is enough for its producer.
    dependencies.push_str(&format!(
        "    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>\
         <version>{VERSION}</version><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId>\
         </exclusion></exclusions></dependency>\n"
    ));
    let logging = "org.apache.logging.log4j";
    dependencies.push_str(&dependency(logging, "log4j-slf4j-impl", LOG4J));
    dependencies.push_str(&dependency(logging, "log4j-core", LOG4J));
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
         <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>sabot</groupId><artifactId>test-broker</artifactId><version>1</version>\n  \
         <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_pom_names_the_version() {
        let pom = super::pom();
        assert!(pom.contains("<artifactId>kafka_2.13</artifactId><version>4.3.0</version>"));
        assert_eq!(pom.matches("<dependency>").count(), 4);
    }
}
