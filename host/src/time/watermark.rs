//! Watermarks: "no row with an event time at or below this is expected any more". A source's follows its newest
//! row at a fixed distance; several inputs merge as the minimum over those that have not ended. The semantic
//! is Flink's `BoundedOutOfOrdernessWatermarks` and its valve for several inputs, without idleness.

/// The watermark of a source whose rows come at most `bound_ms` behind its newest.
#[derive(Debug)]
pub struct BoundedOutOfOrder {
    bound_ms: i64,
    newest_ms: Option<i64>,
}

impl BoundedOutOfOrder {
    /// Rows may come up to `bound_ms` milliseconds behind the newest.
    pub fn new(bound_ms: i64) -> Self {
        BoundedOutOfOrder { bound_ms, newest_ms: None }
    }

    /// Takes in the newest event time of a batch; answers the watermark if it moved.
    pub fn observe(&mut self, newest_ms: i64) -> Option<i64> {
        if self.newest_ms.is_some_and(|known| known >= newest_ms) {
            return None;
        }
        self.newest_ms = Some(newest_ms);
        self.now_ms()
    }

    /// Where it stands; `None` before the first row.
    pub fn now_ms(&self) -> Option<i64> {
        self.newest_ms.map(|newest_ms| newest_ms.saturating_sub(self.bound_ms).saturating_sub(1))
    }
}

/// The minimum over the watermarks of several inputs, each rising.
#[derive(Debug)]
pub struct WatermarkMerge {
    inputs: Vec<Input>,
    merged_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    Unknown,
    At(i64),
    Ended,
}

impl WatermarkMerge {
    /// For `inputs` inputs, none of which has a watermark yet.
    pub fn new(inputs: usize) -> Self {
        WatermarkMerge { inputs: vec![Input::Unknown; inputs], merged_ms: None }
    }

    /// Input `input` has come to `watermark_ms`; answers the merged watermark if it moved.
    pub fn advance(&mut self, input: usize, watermark_ms: i64) -> Option<i64> {
        match self.inputs[input] {
            Input::Ended => return None,
            Input::At(known) if known >= watermark_ms => return None,
            _ => self.inputs[input] = Input::At(watermark_ms),
        }
        self.merge()
    }

    /// Input `input` has ended and holds nobody back any more.
    pub fn end(&mut self, input: usize) -> Option<i64> {
        self.inputs[input] = Input::Ended;
        self.merge()
    }

    fn merge(&mut self) -> Option<i64> {
        let mut lowest = None;
        for input in &self.inputs {
            match *input {
                Input::Unknown => return None,
                Input::At(ms) => lowest = Some(lowest.map_or(ms, |l: i64| l.min(ms))),
                Input::Ended => {}
            }
        }
        let lowest = lowest?;
        if self.merged_ms.is_some_and(|merged| merged >= lowest) {
            return None;
        }
        self.merged_ms = Some(lowest);
        Some(lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_stays_its_bound_behind_its_newest_row() {
        let mut w = BoundedOutOfOrder::new(5_000);
        assert_eq!(w.observe(10_000), Some(4_999));
        assert_eq!(w.observe(9_000), None);
        assert_eq!(w.observe(10_001), Some(5_000));
        assert_eq!(BoundedOutOfOrder::new(1).observe(i64::MIN), Some(i64::MIN));
    }

    #[test]
    fn the_slowest_input_decides_and_an_ended_one_does_not() {
        let mut m = WatermarkMerge::new(2);
        assert_eq!(m.advance(0, 10), None);
        assert_eq!(m.advance(1, 5), Some(5));
        assert_eq!(m.advance(1, 4), None);
        assert_eq!(m.advance(1, 12), Some(10));
        assert_eq!(m.end(0), Some(12));
        assert_eq!(m.end(1), None);
    }
}
