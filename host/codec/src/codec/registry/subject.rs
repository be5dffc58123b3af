//! Under which subject a schema is registered: the three naming strategies of Confluent's clients. Pure; knows
//! nothing of requests.

use super::super::wire::Part;

/// How a subject is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// `<topic>-key` or `<topic>-value`: a topic has one kind of record.
    #[default]
    Topic,
    /// `<record>`: a record is the same in every topic.
    Record,
    /// `<topic>-<record>`: a topic has several kinds of records.
    TopicRecord,
}

impl Strategy {
    /// The strategies, in the order of the documentation.
    pub const ALL: [Strategy; 3] = [Strategy::Topic, Strategy::Record, Strategy::TopicRecord];

    /// As a specification names it.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Topic => "topic",
            Strategy::Record => "record",
            Strategy::TopicRecord => "topic_record",
        }
    }

    /// The subject of a schema. `record` is its name: an Avro or Protobuf full name, the title of a JSON Schema;
    /// an error where the strategy needs one and there is none.
    pub fn subject(self, topic: &str, part: Part, record: Option<&str>) -> Result<String, String> {
        let named = || {
            record.filter(|name| !name.is_empty()).ok_or_else(|| {
                format!("the strategy {} needs the name of the record, and the schema has none", self.name())
            })
        };
        Ok(match (self, part) {
            (Strategy::Topic, Part::Key) => format!("{topic}-key"),
            (Strategy::Topic, Part::Value) => format!("{topic}-value"),
            (Strategy::Record, _) => named()?.to_owned(),
            (Strategy::TopicRecord, _) => format!("{topic}-{}", named()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_as_others_name_them() {
        let subject = |strategy: Strategy, part| strategy.subject("orders", part, Some("shop.Order"));
        assert_eq!(subject(Strategy::Topic, Part::Value).unwrap(), "orders-value");
        assert_eq!(subject(Strategy::Topic, Part::Key).unwrap(), "orders-key");
        assert_eq!(subject(Strategy::Record, Part::Value).unwrap(), "shop.Order");
        assert_eq!(subject(Strategy::TopicRecord, Part::Key).unwrap(), "orders-shop.Order");
    }

    #[test]
    fn a_name_is_needed_where_it_is_part_of_the_subject() {
        assert_eq!(Strategy::Topic.subject("t", Part::Key, None).unwrap(), "t-key");
        for name in [None, Some("")] {
            let error = Strategy::TopicRecord.subject("t", Part::Key, name).unwrap_err();
            let why = "the strategy topic_record needs the name of the record, and the schema has none";
            assert_eq!(error, why);
        }
    }
}
