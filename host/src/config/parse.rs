//! `sabot.yaml` to [`Config`]: every key known, every mistake told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::values::{Walk, below, did_you_mean, kind, mistake, read_small};
use super::{Config, ConfigError, Connection, Limits, Log, LogFormat, Role, Surroundings, Token};

impl Config {
    /// Reads a settings file. Relative paths in it start from its folder.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let file = path.display().to_string();
        let text = read_small(path)
            .map_err(|message| ConfigError { file: file.clone(), mistakes: vec![mistake("", message)] })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let variable = |name: &str| std::env::var(name).ok();
        Config::parse(&file, &text, &Surroundings { folder, variable: &variable })
    }

    /// Reads settings; `file` is only for messages.
    pub fn parse(file: &str, text: &str, around: &Surroundings<'_>) -> Result<Config, ConfigError> {
        let mut walk = Walk { around, mistakes: Vec::new() };
        let config = match serde_saphyr::from_str::<Value>(text) {
            // A file of comments is a file of defaults.
            Ok(Value::Null) => Config::default(),
            Ok(value) => walk.config(&value),
            Err(error) => {
                walk.mistakes.push(mistake("", not_yaml(&error)));
                Config::default()
            }
        };
        match walk.mistakes.is_empty() {
            true => Ok(config),
            false => Err(ConfigError { file: file.to_owned(), mistakes: walk.mistakes }),
        }
    }
}

fn not_yaml(error: &serde_saphyr::Error) -> String {
    // The snippet that the parser would show could hold a secret.
    match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key, location } => {
            let key = key.as_deref().unwrap_or_default();
            format!("`{key}` is set twice, again in line {}", location.line())
        }
        error => format!("this is not YAML: {error}"),
    }
}

impl Walk<'_> {
    fn config(&mut self, value: &Value) -> Config {
        let mut config = Config::default();
        let known = ["listen", "data_dir", "tokens", "connections", "registries", "limits", "log"];
        let Some(map) = self.mapping(value, "", &known) else { return config };
        if let Some(value) = map.get("listen") {
            config.listen = self.listen(value).unwrap_or(config.listen);
        }
        if let Some(value) = map.get("data_dir") {
            config.data_dir = self.text(value, "data_dir").map(PathBuf::from).unwrap_or_default();
        }
        config.data_dir = self.around.folder.join(&config.data_dir);
        if let Some(value) = map.get("tokens") {
            config.tokens = self.tokens(value);
        }
        if let Some(value) = map.get("connections") {
            config.connections = self.connections(value);
        }
        if let Some(value) = map.get("registries") {
            config.registries = self.registries(value);
        }
        if let Some(value) = map.get("limits") {
            config.limits = self.limits(value);
        }
        if let Some(value) = map.get("log") {
            config.log = self.log(value);
        }
        config
    }

    fn listen(&mut self, value: &Value) -> Option<SocketAddr> {
        let text = self.text(value, "listen")?;
        let address = text.parse().ok();
        if address.is_none() {
            self.wrong(
                "listen",
                format!("expected an address and a port such as 127.0.0.1:7420, found `{text}`"),
            );
        }
        address
    }

    fn tokens(&mut self, value: &Value) -> Vec<Token> {
        let Some(list) = value.as_array() else {
            self.wrong("tokens", format!("expected a list, found {}", kind(value)));
            return Vec::new();
        };
        let mut tokens: Vec<Token> = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let path = format!("tokens[{index}]");
            let Some(token) = self.token(value, &path) else { continue };
            if tokens.iter().any(|t| t.name == token.name) {
                self.wrong(&path, format!("another token has the name `{}` too", token.name));
            } else if let Some(same) = tokens.iter().find(|t| t.sha256 == token.sha256) {
                self.wrong(
                    &path,
                    format!("it is the same token as `{}`; each caller needs its own", same.name),
                );
            } else {
                tokens.push(token);
            }
        }
        tokens
    }

    fn token(&mut self, value: &Value, path: &str) -> Option<Token> {
        let map = self.mapping(value, path, &["name", "role", "sha256"])?;
        let mut required = |key: &str| {
            let found = map.get(key);
            if found.is_none() {
                self.wrong(path, format!("`{key}` is missing"));
            }
            found
        };
        let (name, role, hash) = (required("name"), required("role"), required("sha256"));
        let name = name.and_then(|v| self.text(v, &below(path, "name")));
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let role = role.and_then(|v| self.one_of(v, &below(path, "role"), &roles));
        let hash = hash.and_then(|v| self.hash(v, &below(path, "sha256")));
        Some(Token { name: name?, role: role?, sha256: hash? })
    }

    fn hash(&mut self, value: &Value, path: &str) -> Option<[u8; 32]> {
        let mut hash = [0; 32];
        let decoded = value.as_str().map(|text| hex::decode_to_slice(text, &mut hash));
        if decoded.is_some_and(|d| d.is_ok()) {
            return Some(hash);
        }
        // What stands here may be the token itself: it is not repeated.
        self.wrong(
            path,
            "expected the SHA-256 of the token as 64 hexadecimal digits; `sabot token` makes both",
        );
        None
    }

    fn connections(&mut self, value: &Value) -> BTreeMap<String, Connection> {
        let Some(map) = value.as_object() else {
            self.wrong("connections", format!("expected a mapping of names, found {}", kind(value)));
            return BTreeMap::new();
        };
        let all = map
            .iter()
            .map(|(name, value)| (name.clone(), self.connection(value, &below("connections", name))));
        all.collect()
    }

    fn connection(&mut self, value: &Value, path: &str) -> Connection {
        let mut connection = Connection::default();
        let Some(map) = value.as_object() else {
            self.wrong(path, format!("expected librdkafka properties, found {}", kind(value)));
            return connection;
        };
        if !map.contains_key("bootstrap.servers") {
            let nearest = did_you_mean("bootstrap.servers", map.keys().map(String::as_str));
            self.wrong(path, format!("`bootstrap.servers` is missing{nearest}"));
        }
        for (name, value) in map {
            let path = below(path, name);
            if let Some(value) = self.property(value, &path) {
                connection.properties.insert(name.clone(), value);
            }
        }
        connection
    }

    fn limits(&mut self, value: &Value) -> Limits {
        let mut limits = Limits::default();
        let sizes: [(&str, &mut u64); 5] = [
            ("component_bytes", &mut limits.component_bytes),
            ("components_bytes", &mut limits.components_bytes),
            ("pipeline_bytes", &mut limits.pipeline_bytes),
            ("memory_bytes", &mut limits.memory_bytes),
            ("kafka_queue_bytes", &mut limits.kafka_queue_bytes),
        ];
        let counts: [(&str, &mut usize); 3] = [
            ("components", &mut limits.components),
            ("pipelines", &mut limits.pipelines),
            ("requests", &mut limits.requests),
        ];
        let known: Vec<_> = sizes.iter().map(|s| s.0).chain(counts.iter().map(|c| c.0)).collect();
        let Some(map) = self.mapping(value, "limits", &known) else { return Limits::default() };
        for (name, limit) in sizes {
            if let Some(value) = map.get(name) {
                *limit = self.size(value, &below("limits", name)).unwrap_or(*limit);
            }
        }
        for (name, limit) in counts {
            if let Some(value) = map.get(name) {
                *limit = self.count(value, &below("limits", name)).unwrap_or(*limit);
            }
        }
        limits
    }

    fn log(&mut self, value: &Value) -> Log {
        let mut log = Log::default();
        let Some(map) = self.mapping(value, "log", &["level", "format"]) else { return log };
        if let Some(value) = map.get("level") {
            log.level = self.text(value, "log.level").unwrap_or_default();
        }
        if let Some(value) = map.get("format") {
            let all = [("text", LogFormat::Text), ("json", LogFormat::Json)];
            log.format = self.one_of(value, "log.format", &all).unwrap_or(log.format);
        }
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let variable = |name: &str| (name == "PASSWORD").then(|| "from-env".to_owned());
        let around = Surroundings { folder: Path::new("/etc/sabot"), variable: &variable };
        Config::parse("sabot.yaml", text, &around).map_err(|e| e.to_string())
    }

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn an_empty_file_is_all_defaults() {
        let config = parse("# nothing yet\n").unwrap();
        assert_eq!(config, Config::default());
        assert!(config.listen.ip().is_loopback());
    }

    #[test]
    fn everything_can_be_set() {
        let config = parse(&format!(
            "listen: 0.0.0.0:8080\n\
             data_dir: data\n\
             tokens:\n  - {{ name: ci, role: deployer, sha256: {HASH} }}\n\
             connections:\n  default:\n    bootstrap.servers: kafka:9092\n    sasl.username: me\n    \
             sasl.password: {{ env: PASSWORD }}\n    socket.timeout.ms: 5000\n\
             registries:\n  default: {{ url: [http://a:8081/, https://b], user: me, password: {{ env: PASSWORD }}, timeout: 2s }}\n  \
             open: {{ url: http://c, token: from-env }}\n\
             limits: {{ component_bytes: 10MiB, memory_bytes: 1GB, pipelines: 5 }}\n\
             log: {{ level: debug, format: json }}\n"
        ))
        .unwrap();
        assert_eq!(config.listen, SocketAddr::from(([0, 0, 0, 0], 8080)));
        assert_eq!(config.data_dir, Path::new("/etc/sabot/data"));
        assert_eq!((config.tokens[0].role, config.tokens[0].sha256[0]), (Role::Deployer, 0x9f));
        assert_eq!(config.connections["default"].properties["sasl.password"], "from-env");
        assert_eq!(config.connections["default"].properties["socket.timeout.ms"], "5000");
        assert_eq!((config.limits.component_bytes, config.limits.memory_bytes), (10 << 20, 1_000_000_000));
        assert_eq!(config.limits.pipelines, 5);
        assert_eq!(config.registries["default"].urls, ["http://a:8081", "https://b"]);
        assert_eq!(config.registries["default"].timeout_ms, 2_000);
        assert_eq!(config.log, Log { level: "debug".into(), format: LogFormat::Json });

        let shown = format!("{config:?}");
        assert!(
            !shown.contains("from-env") && !shown.contains("9f86") && !shown.contains("159, 134"),
            "{shown}"
        );
        assert!(shown.contains("kafka:9092"), "{shown}");
    }

    #[test]
    fn every_mistake_is_told_at_once_and_no_secret_is_repeated() {
        let error = parse(&format!(
            "lisen: x\nlisten: 8080\ndata_dir: 5\n\
             tokens:\n  - {{ name: a, role: operator, sha256: hunter2 }}\n  - {{ name: b, role: viewer, sha256: {HASH} }}\n  \
             - {{ name: b, role: viewer, sha256: {HASH} }}\n  - {{ name: c, role: viewer, sha256: {HASH} }}\n  - just-text\n\
             connections:\n  default: {{ bootstrap.server: kafka:9092, sasl.password: [hunter2] }}\n  \
             other: {{ bootstrap.servers: x, a: {{ env: NOT_SET }}, b: {{ file: none }}, c: {{ vault: x }} }}\n\
             registries:\n  a: {{ url: kafka:9092, user: me }}\n  b: {{ url: \"http://me:hunter2@x\", timeout: 1h }}\n  c: {{ urls: x }}\n\
             limits: {{ component_bytes: 64XB, pipelines: -1, memory: 1MiB }}\n\
             log: {{ format: xml }}\n"
        ))
        .unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        insta::assert_snapshot!(error, @r"
        sabot.yaml cannot be used:
          lisen: there is no such setting; did you mean `listen`?
          listen: expected text, found a number
          data_dir: expected text, found a number
          tokens[0].role: expected one of viewer, deployer, admin, found `operator`
          tokens[0].sha256: expected the SHA-256 of the token as 64 hexadecimal digits; `sabot token` makes both
          tokens[2]: another token has the name `b` too
          tokens[3]: it is the same token as `b`; each caller needs its own
          tokens[4]: expected a mapping, found text
          connections.default: `bootstrap.servers` is missing; did you mean `bootstrap.server`?
          connections.default.sasl.password: expected text, a number, `{ env: NAME }` or `{ file: PATH }`, found a list
          connections.other.a: the environment has no variable `NOT_SET`
          connections.other.b: the file none cannot be read: No such file or directory (os error 2)
          connections.other.c: expected `{ env: NAME }` or `{ file: PATH }`
          registries.a.url: expected an address as https://registry:8081, found `kafka:9092`
          registries.a: expected `user` with `password`, or `token` alone
          registries.b.url: credentials do not belong in an address: use `user` and `password`
          registries.b.timeout: expected 10ms to 2m, found `1h`
          registries.c.urls: there is no such setting; did you mean `url`?
          registries.c: `url` is missing
          limits.memory: there is no such setting; did you mean `memory_bytes`?
          limits.component_bytes: expected a size such as 64MiB, found `64XB`
          limits.pipelines: expected a number above 0, found `-1`
          log.format: expected one of text, json, found `xml`
        ");
    }

    #[test]
    fn what_is_not_yaml_is_said_without_quoting_it() {
        let error = parse("a: [hunter2\nb: {").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        insta::assert_snapshot!(error, @r"
        sabot.yaml cannot be used:
          this is not YAML: illegal placement of ':' indicator at line 2, column 2
        ");
        insta::assert_snapshot!(parse("listen: a\nlisten: b\n").unwrap_err(), @r"
        sabot.yaml cannot be used:
          `listen` is set twice, again in line 2
        ");
        insta::assert_snapshot!(parse("[]").unwrap_err(), @r"
        sabot.yaml cannot be used:
          expected a mapping, found a list
        ");
    }

    #[test]
    fn a_file_that_is_not_there_says_so() {
        let error = Config::load(Path::new("/nowhere/sabot.yaml")).unwrap_err();
        insta::assert_snapshot!(error, @r"
        /nowhere/sabot.yaml cannot be used:
          cannot be read: No such file or directory (os error 2)
        ");
    }
}
