//! What the test broker is told: small, one node, nothing replicated, no waiting.
//!
//! Pure text; knows nothing of processes.

use std::path::Path;

/// The ports of one node.
pub struct Ports {
    /// Clients connect here.
    pub broker: u16,
    /// The node talks to itself here.
    pub controller: u16,
}

/// The cluster's id: 22 characters of base64url; the same for all, since each has its own data folder.
pub const CLUSTER: &str = "c2Fib3QtdGVzdC1icm9rZX";

/// Log only what helps when a broker does not start, and the line that says it is ready.
pub const LOGGING: &str = "\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
logger.ready.name = kafka.server.KafkaRaftServer
logger.ready.level = info
";

/// `server.properties` of a single node that is broker and controller.
pub fn server(ports: &Ports, data: &Path) -> String {
    let Ports { broker, controller } = ports;
    let data = data.display();
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
group.initial.rebalance.delay.ms=0
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.retention.ms=-1
log.segment.bytes=268435456
log.segment.delete.delay.ms=1000
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_and_the_folder_are_in_place() {
        let ports = Ports { broker: 19092, controller: 19093 };
        let text = server(&ports, Path::new("/tmp/x/data"));
        assert!(text.contains("advertised.listeners=PLAINTEXT://127.0.0.1:19092\n"));
        assert!(text.contains("controller.quorum.voters=1@127.0.0.1:19093\n"));
        assert!(text.contains("log.dirs=/tmp/x/data\n"));
        assert_eq!(CLUSTER.len(), 22);
    }
}
