//! Exercises in which the learner writes the test: it has to accept what is right and to reject what is not.

use crate::{Outcome, ensure, found};

/// What a learner's test says of a program: `Err` is why it rejects it.
pub type Judgement = Result<(), String>;

/// The judgement is that the program is right.
///
/// # Errors
/// The finding `rejected`.
pub fn accepted(judgement: Judgement) -> Outcome {
    match judgement {
        Ok(()) => Ok(()),
        Err(why) => found!(
            "rejected",
            "your test rejects a program that is right, because: {why}"
        ),
    }
}

/// The judgement is that the program is wrong.
///
/// # Errors
/// The finding `accepted`.
pub fn rejected(judgement: Judgement) -> Outcome {
    ensure!(
        judgement.is_err(),
        "accepted",
        "your test has accepted it: ask something that only the right program answers as it does"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_judgement_is_no_finding() {
        let wrong = || Err("it is blue".to_owned());
        assert_eq!(accepted(Ok(())), Ok(()));
        assert_eq!(rejected(wrong()), Ok(()));
        let finding = accepted(wrong()).unwrap_err();
        assert!(finding.text.ends_with("because: it is blue"), "{finding:?}");
        assert_eq!(rejected(Ok(())).unwrap_err().code, "accepted");
    }
}
