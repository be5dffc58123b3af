//! Offsets that a broker has dropped before they were read: judged from the oldest offset that it still has,
//! never from holes between records (compaction and transactions leave those). Pure.

use std::fmt;

/// What to do when the offset to read from is gone: `auto.offset.reset` of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OnGap {
    /// Fail, naming the records.
    #[default]
    Stop,
    /// Report and go on from the oldest record.
    Oldest,
    /// Report and go on after the newest record.
    Newest,
}

impl OnGap {
    /// From librdkafka's words.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "error" => Some(OnGap::Stop),
            "earliest" | "beginning" | "smallest" => Some(OnGap::Oldest),
            "latest" | "end" | "largest" => Some(OnGap::Newest),
            _ => None,
        }
    }

    /// librdkafka's word.
    pub fn word(self) -> &'static str {
        match self {
            OnGap::Stop => "error",
            OnGap::Oldest => "earliest",
            OnGap::Newest => "latest",
        }
    }
}

/// Where a partition cannot go on, and what it still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The offset that was wanted.
    pub wanted: i64,
    /// The oldest offset that the broker has.
    pub oldest: i64,
    /// The offset after its newest record.
    pub end: i64,
}

impl Gap {
    /// The gap at `wanted`, if the broker cannot serve it.
    pub fn find(wanted: i64, oldest: i64, end: i64) -> Option<Gap> {
        (wanted < oldest || wanted > end).then_some(Gap { wanted, oldest, end })
    }

    /// Offsets skipped by going on at `next`: at most so many records are lost.
    pub fn lost(&self, next: i64) -> u64 {
        next.saturating_sub(self.wanted).max(0) as u64
    }

    /// Where `policy` goes on; `None` is not at all.
    pub fn next(&self, policy: OnGap) -> Option<i64> {
        match policy {
            OnGap::Stop => None,
            OnGap::Oldest => Some(self.oldest),
            OnGap::Newest => Some(self.end),
        }
    }

    /// What happened in `topic/partition`, and what to do.
    pub fn explain(&self, topic: &str, partition: i32, embedded: bool) -> String {
        let remedy = if embedded {
            "the embedded broker keeps about 5 MB a partition: send less at once, give the source another `group` \
             to start anew, or use a real Kafka"
        } else {
            "to go on without them reset the group's offset (kafka-consumer-groups --reset-offsets), give the source \
             another `group`, or set `auto.offset.reset: earliest` for the connection"
        };
        format!("{}: {remedy}", self.what(topic, partition))
    }

    /// What happened, without a remedy.
    pub fn what(&self, topic: &str, partition: i32) -> String {
        format!("{topic}/{partition}: {self}")
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { wanted, oldest, end } = *self;
        if wanted > end {
            return write!(
                f,
                "offset {wanted} does not exist; the newest is {}: the topic was made anew or lost records",
                end - 1
            );
        }
        let lost = self.lost(oldest);
        let records = if lost == 1 {
            format!("1 record (offset {wanted}) was")
        } else {
            format!("{lost} records (offsets {wanted} to {}) were", oldest - 1)
        };
        write!(
            f,
            "offset {wanted} is gone; the oldest is {oldest}: {records} dropped by the broker before being read"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_what_the_broker_has_there_is_no_gap_and_the_end_is_within() {
        for wanted in [900, 950, 1000] {
            assert_eq!(Gap::find(wanted, 900, 1000), None, "{wanted}");
        }
        assert_eq!(Gap::find(0, 0, 0), None);
    }

    #[test]
    fn dropped_records_are_named() {
        let gap = Gap::find(500, 900, 1000).unwrap();
        assert_eq!((gap.lost(900), gap.next(OnGap::Stop), gap.next(OnGap::Oldest)), (400, None, Some(900)));
        assert_eq!(gap.next(OnGap::Newest), Some(1000));
        insta::assert_snapshot!(gap.explain("orders", 3, false), @"orders/3: offset 500 is gone; the oldest is 900: 400 records (offsets 500 to 899) were dropped by the broker before being read: to go on without them reset the group's offset (kafka-consumer-groups --reset-offsets), give the source another `group`, or set `auto.offset.reset: earliest` for the connection");
        insta::assert_snapshot!(Gap::find(899, 900, 1000).unwrap().explain("orders", 0, true), @"orders/0: offset 899 is gone; the oldest is 900: 1 record (offset 899) was dropped by the broker before being read: the embedded broker keeps about 5 MB a partition: send less at once, give the source another `group` to start anew, or use a real Kafka");
    }

    #[test]
    fn a_topic_made_anew_is_no_loss_of_records_by_number() {
        let gap = Gap::find(500, 0, 20).unwrap();
        assert_eq!(gap.lost(0), 0);
        insta::assert_snapshot!(gap.what("orders", 0), @"orders/0: offset 500 does not exist; the newest is 19: the topic was made anew or lost records");
    }

    #[test]
    fn words_of_librdkafka_go_both_ways() {
        for policy in [OnGap::Stop, OnGap::Oldest, OnGap::Newest] {
            assert_eq!(OnGap::parse(policy.word()), Some(policy));
        }
        assert_eq!(OnGap::parse("never"), None);
    }
}
