//! Lining up a barrier over several inputs: an input that has delivered the barrier is not read until all
//! others have (Chandy–Lamport with aligned channels, as in Flink).

/// What a message on one input means for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aligned {
    /// Nothing yet.
    Waiting,
    /// The barrier has come on every input: act on it.
    Barrier(u64),
    /// Every input has ended.
    End,
}

/// Alignment of the inputs of one task.
#[derive(Debug)]
pub struct Alignment {
    pending: Option<u64>,
    inputs: Vec<Input>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    Open,
    Arrived,
    Ended,
}

impl Alignment {
    /// For `inputs` inputs.
    pub fn new(inputs: usize) -> Self {
        Alignment { pending: None, inputs: vec![Input::Open; inputs] }
    }

    /// Whether input `input` may be read now.
    pub fn is_open(&self, input: usize) -> bool {
        self.inputs[input] == Input::Open
    }

    /// Barrier `id` came on `input`.
    pub fn barrier(&mut self, input: usize, id: u64) -> Aligned {
        debug_assert!(self.pending.is_none_or(|p| p == id), "barriers come in order on every input");
        self.pending = Some(id);
        self.inputs[input] = Input::Arrived;
        self.settle()
    }

    /// `input` ended: it holds no barrier back any more.
    pub fn end(&mut self, input: usize) -> Aligned {
        self.inputs[input] = Input::Ended;
        if self.inputs.iter().all(|i| *i == Input::Ended) {
            return Aligned::End;
        }
        self.settle()
    }

    fn settle(&mut self) -> Aligned {
        let Some(id) = self.pending else { return Aligned::Waiting };
        if self.inputs.contains(&Input::Open) {
            return Aligned::Waiting;
        }
        self.pending = None;
        for input in &mut self.inputs {
            if *input == Input::Arrived {
                *input = Input::Open;
            }
        }
        Aligned::Barrier(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_waits_for_the_others() {
        let mut a = Alignment::new(2);
        assert_eq!(a.barrier(0, 1), Aligned::Waiting);
        assert!(!a.is_open(0) && a.is_open(1));
        assert_eq!(a.barrier(1, 1), Aligned::Barrier(1));
        assert!(a.is_open(0) && a.is_open(1));
    }

    #[test]
    fn an_ended_input_holds_no_barrier_back() {
        let mut a = Alignment::new(3);
        assert_eq!(a.end(2), Aligned::Waiting);
        assert_eq!(a.barrier(0, 7), Aligned::Waiting);
        assert_eq!(a.end(1), Aligned::Barrier(7));
        assert_eq!(a.end(0), Aligned::End);
    }
}
