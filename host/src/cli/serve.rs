//! `sabot serve` and `sabot dev`: a host with its API, for production and for a desk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::control_plane;
use super::failure::Failure;
use super::logging::LogArgs;
use super::output::Output;
use crate::codec::registry;
use crate::config::{Config, Connection};
use crate::connector::kafka::{DEFAULT_PARTITIONS, EmbeddedBroker};

/// Where settings are looked for when the command line does not say.
const USUAL_FILE: &str = "sabot.yaml";

/// Run a host, for production
///
/// Reads sabot.yaml: address, data folder, tokens, connections, limits. Refuses to start without a token.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The settings; without it sabot.yaml, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the API, instead of the one in the settings
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Folder of components, pipelines and caches, instead of the one in the settings
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Start without tokens: whoever reaches the address may do everything
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// The settings in `file`, or in the usual one where there is one, or none.
pub(super) fn usual_config(file: Option<&Path>) -> Result<Config, Failure> {
    match file {
        Some(file) => Ok(Config::load(file)?),
        None if Path::new(USUAL_FILE).exists() => Ok(Config::load(Path::new(USUAL_FILE))?),
        None => Ok(Config::default()),
    }
}

impl ServeArgs {
    fn config(&self) -> Result<Config, Failure> {
        let mut config = usual_config(self.config.as_deref())?;
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if let Some(data_dir) = &self.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        self.log.apply_to(&mut config.log);
        match (config.tokens.is_empty(), self.insecure) {
            (true, false) => {
                return Err(Failure::new(
                    "no tokens",
                    "nobody could call this host. `sabot token NAME --role admin` makes one and says what to put into \
                 sabot.yaml; with --insecure everybody may do everything",
                ));
            }
            (false, true) => {
                return Err(Failure::Usage(
                    "--insecure would open what the tokens in the settings protect; take either away".into(),
                ));
            }
            _ => config.insecure = self.insecure,
        }
        Ok(config)
    }
}

pub(super) fn serve(args: &ServeArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let config = args.config()?;
    let greeting = format!("sabot {}", env!("CARGO_PKG_VERSION"));
    control_plane::serve(&config, &greeting, None, output)
}

/// Run a host at a desk: on the loopback address, without tokens, with a broker inside
///
/// The broker is the connection `default`. A topic that a pipeline names is made there. It is for trying things
/// out: it keeps about 5 MB a partition in memory, and has no transactions. On any other broker nothing is made.
#[derive(Args, Debug)]
pub struct DevArgs {
    /// Address of the API; only a loopback one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Folder of components, pipelines and caches
    #[arg(long, value_name = "DIR", default_value = "sabot-data")]
    data_dir: PathBuf,
    /// A broker for the connection `default`, instead of the one inside
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
    /// Port of the loopback where the broker inside is to be found; without it one that is free
    #[arg(long, value_name = "PORT", conflicts_with = "bootstrap")]
    broker_port: Option<u16>,
    /// Partitions of a topic that the broker inside makes
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = DEFAULT_PARTITIONS,
        value_parser = clap::value_parser!(u32).range(1..=1_000),
        conflicts_with = "bootstrap"
    )]
    partitions: u32,
    /// A schema registry for the name `default`
    #[arg(long, value_name = "URL", value_parser = registry_url)]
    registry: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

fn registry_url(text: &str) -> Result<String, String> {
    match text.starts_with("http://") || text.starts_with("https://") {
        true if !text.contains('@') => Ok(text.trim_end_matches('/').to_owned()),
        true => Err("credentials belong into the settings of `sabot serve`".into()),
        false => Err("expected an address as http://localhost:8081".into()),
    }
}

impl DevArgs {
    fn config(&self) -> Result<Config, Failure> {
        if !self.listen.ip().is_loopback() {
            let reason = format!(
                "{} can be reached from elsewhere, and `dev` has no tokens; use `sabot serve`",
                self.listen
            );
            return Err(Failure::Usage(reason));
        }
        let mut config = Config {
            listen: self.listen,
            data_dir: self.data_dir.clone(),
            insecure: true,
            ..Config::default()
        };
        self.log.apply_to(&mut config.log);
        if let Some(bootstrap) = &self.bootstrap {
            config.connections.insert("default".into(), Connection::of_broker(bootstrap));
        }
        if let Some(url) = &self.registry {
            let registry = registry::Settings { urls: vec![url.clone()], ..Default::default() };
            config.registries.insert("default".into(), registry);
        }
        Ok(config)
    }

    fn broker(&self) -> Result<EmbeddedBroker, String> {
        let broker = EmbeddedBroker::start()?.with_partitions(self.partitions);
        match self.broker_port {
            Some(port) => broker.at_port(port),
            None => Ok(broker),
        }
    }
}

pub(super) fn dev(args: &DevArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let config = args.config()?;
    let greeting = format!("sabot {}, for development", env!("CARGO_PKG_VERSION"));
    let embedded = match args.bootstrap {
        Some(_) => None,
        None => Some(Arc::new(args.broker().map_err(Failure::plain)?)),
    };
    control_plane::serve(&config, &greeting, embedded, output)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Serve {
        #[command(flatten)]
        args: ServeArgs,
    }

    #[derive(Parser)]
    struct Dev {
        #[command(flatten)]
        args: DevArgs,
    }

    fn serve(folder: &Path, settings: &str, more: &[&str]) -> Result<Config, String> {
        let file = folder.join("sabot.yaml");
        std::fs::write(&file, settings).unwrap();
        let args = ["serve", "--config", file.to_str().unwrap()].into_iter().chain(more.iter().copied());
        Serve::parse_from(args)
            .args
            .config()
            .map_err(|e| e.to_string().replace(folder.to_str().unwrap(), "DIR"))
    }

    #[test]
    fn serve_wants_tokens_or_an_explicit_word() {
        let folder = tempfile::tempdir().unwrap();
        let token = "tokens: [{ name: ci, role: viewer, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]";
        insta::assert_snapshot!(serve(folder.path(), "", &[]).unwrap_err(), @r"
        error: no tokens
          nobody could call this host. `sabot token NAME --role admin` makes one and says what to put into sabot.yaml; with --insecure everybody may do everything
        ");
        insta::assert_snapshot!(serve(folder.path(), token, &["--insecure"]).unwrap_err(), @"error: --insecure would open what the tokens in the settings protect; take either away");
        insta::assert_snapshot!(serve(folder.path(), "lisen: 1", &[]).unwrap_err(), @r"
        error: DIR/sabot.yaml cannot be used
          lisen: there is no such setting; did you mean `listen`?
        ");
        assert!(serve(folder.path(), "", &["--insecure"]).unwrap().insecure);
        let config = serve(folder.path(), token, &["--listen", "0.0.0.0:1", "--log-level", "debug"]).unwrap();
        assert_eq!((config.listen.port(), config.insecure, config.log.level.as_str()), (1, false, "debug"));
        assert_eq!(config.data_dir, folder.path().join("sabot-data"));
    }

    #[test]
    fn dev_stays_on_the_loopback_address() {
        let dev = |args: &[&str]| {
            Dev::parse_from([&["dev"], args].concat()).args.config().map_err(|e| e.to_string())
        };
        insta::assert_snapshot!(dev(&["--listen", "0.0.0.0:7420"]).unwrap_err(), @"error: 0.0.0.0:7420 can be reached from elsewhere, and `dev` has no tokens; use `sabot serve`");
        assert!(Dev::try_parse_from(["dev", "--bootstrap", "localhost:9092", "--partitions", "3"]).is_err());
        assert!(Dev::try_parse_from(["dev", "--partitions", "0"]).is_err());
        let config = dev(&["--bootstrap", "localhost:9092"]).unwrap();
        assert_eq!(config.connections["default"].properties["bootstrap.servers"], "localhost:9092");
        let config = dev(&["--registry", "http://localhost:8081/"]).unwrap();
        assert_eq!(config.registries["default"].urls, ["http://localhost:8081"]);
        for wrong in ["localhost:8081", "http://me:secret@localhost:8081"] {
            assert!(Dev::try_parse_from(["dev", "--registry", wrong]).is_err());
        }
    }
}
