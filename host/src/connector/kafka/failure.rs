//! What an error code of Kafka or librdkafka means for a pipeline. Pure; knows nothing of clients.

use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};

/// What to make of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No broker can be reached: say so and wait.
    Down,
    /// librdkafka deals with it by itself.
    Passing,
    /// Somebody has to do something.
    Stop,
}

/// The code behind a number; brokers may be newer than the library and send numbers it has no name for.
pub(super) fn code(number: i32) -> Option<Code> {
    RDKafkaRespErr::try_from(number).ok().map(Code::from)
}

/// What `code` means, when it is not known to be fatal for the client.
pub(super) fn meaning(code: Code) -> Meaning {
    use Code::*;
    match code {
        AllBrokersDown => Meaning::Down,
        Authentication
        | SaslAuthenticationFailed
        | UnsupportedSASLMechanism
        | TopicAuthorizationFailed
        | GroupAuthorizationFailed
        | ClusterAuthorizationFailed
        | TransactionalIdAuthorizationFailed
        | UnknownTopicOrPartition
        | UnknownTopic
        | InvalidTopic
        | InvalidGroupId
        | InconsistentGroupProtocol
        | InvalidSessionTimeout
        | FencedInstanceId
        | UnsupportedVersion
        | UnsupportedFeature
        | NotImplemented
        | Fatal => Meaning::Stop,
        _ => Meaning::Passing,
    }
}

/// What a person can do about it.
pub(super) fn remedy(code: Code) -> &'static str {
    use Code::*;
    match code {
        Authentication | SaslAuthenticationFailed | UnsupportedSASLMechanism => {
            "check `sasl.mechanism`, `sasl.username` and `sasl.password` of the connection"
        }
        TopicAuthorizationFailed => "give the connection's user READ (source) or WRITE (sink) on the topic",
        GroupAuthorizationFailed => "give the connection's user READ on the consumer group",
        ClusterAuthorizationFailed => {
            "give the connection's user IDEMPOTENT_WRITE on the cluster, or set `enable.idempotence: false`"
        }
        UnknownTopicOrPartition | UnknownTopic => "the topic is not there any more: create it again",
        InconsistentGroupProtocol => {
            "another program with other assignment strategies is in the group: give the source another `group`"
        }
        InvalidSessionTimeout => {
            "set `session.timeout.ms` of the connection within what the broker allows (group.min.session.timeout.ms \
             to group.max.session.timeout.ms)"
        }
        FencedInstanceId => "two hosts use the same `group.instance.id`: give each its own",
        MessageSizeTooLarge => "raise the topic's `max.message.bytes` or send smaller rows",
        MessageTimedOut => {
            "the broker did not take it within the connection's `message.timeout.ms`: without that property the \
             producer waits as long as it takes"
        }
        _ => "see the broker's log",
    }
}

/// A code for people.
pub(super) fn describe(number: i32) -> String {
    match code(number) {
        Some(code) => {
            let text = code.to_string();
            // `Name (Broker: What it is)`: the part in brackets is the one for people.
            match text.split_once(" (") {
                Some((_, inner)) => inner.trim_end_matches(')').to_owned(),
                None => text,
            }
        }
        None => format!("error {number}, which this version does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_password_or_a_lost_topic_stops_and_a_lost_broker_does_not() {
        assert_eq!(meaning(Code::Authentication), Meaning::Stop);
        assert_eq!(meaning(Code::UnknownTopicOrPartition), Meaning::Stop);
        assert_eq!(meaning(Code::AllBrokersDown), Meaning::Down);
        for passing in [Code::BrokerTransportFailure, Code::NotLeaderForPartition, Code::OperationTimedOut] {
            assert_eq!(meaning(passing), Meaning::Passing, "{passing:?}");
        }
    }

    #[test]
    fn numbers_become_words_even_when_unknown() {
        assert_eq!(describe(3), "Broker: Unknown topic or partition");
        assert_eq!(describe(9999), "error 9999, which this version does not know");
        assert_eq!(code(-187), Some(Code::AllBrokersDown));
    }
}
