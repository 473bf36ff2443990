//! What a question asks of a fact, and the answer in words.

use super::{Fact, Facts, facts::Value};

/// What must hold for a yes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) fact: Fact,
    pub(super) test: Test,
}

/// How a fact is tested. Reading the rules makes sure that the test fits the fact.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// A word is one of these.
    Is(Vec<String>),
    /// All of these words are there.
    Has(Vec<String>),
    /// A number is less.
    Below(f64),
    /// A number is this or more.
    AtLeast(f64),
    /// A flag is set.
    Holds,
}

impl Condition {
    /// The answer, and why. A fact that is not known is a no.
    pub(super) fn ask(&self, facts: &Facts) -> (bool, String) {
        let name = self.fact.name();
        let Some(value) = facts.get(self.fact) else { return (false, format!("`{name}` is not known")) };
        match (&self.test, value) {
            (Test::Is(words), Value::Word(word)) => match words.iter().any(|known| known == word) {
                true => (true, format!("`{name}` is {word}")),
                false => (false, format!("`{name}` is {word}, not {}", words.join(" or "))),
            },
            (Test::Has(words), Value::Words(present)) => {
                let missing: Vec<&str> =
                    words.iter().filter(|word| !present.contains(*word)).map(String::as_str).collect();
                match missing.is_empty() {
                    true => (true, format!("`{name}` has {}", words.join(" and "))),
                    false => (false, format!("`{name}` lacks {}", missing.join(" and "))),
                }
            }
            (Test::Below(limit), Value::Number(number)) => compare(name, number, *limit, number < *limit),
            (Test::AtLeast(limit), Value::Number(number)) => compare(name, number, *limit, number >= *limit),
            (Test::Holds, Value::Flag(flag)) => (flag, format!("`{name}` is {flag}")),
            (test, value) => unreachable!("the test {test:?} was accepted for {value:?}"),
        }
    }
}

fn compare(name: &str, number: f64, limit: f64, yes: bool) -> (bool, String) {
    let relation = if number < limit { "below" } else { "at least" };
    (yes, format!("`{name}` is {number}, {relation} {limit}"))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::DeviceKind;

    use super::*;

    fn check(fact: Fact, test: Test, facts: &Facts, expect: (bool, &str)) {
        let (yes, why) = Condition { fact, test }.ask(facts);
        assert_eq!((yes, why.as_str()), expect);
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn answers_say_why() {
        let facts = Facts {
            device: Some(DeviceKind::Cpu),
            isa: Some(["avx2".to_owned(), "fma".to_owned()].into()),
            text_chars: Some(500.0),
            max_loss: Some(0.0),
            flash_attention: Some(false),
            ..Facts::default()
        };
        check(Fact::Device, Test::Is(words(&["npu", "cpu"])), &facts, (true, "`device` is cpu"));
        check(Fact::Device, Test::Is(words(&["gpu", "npu"])), &facts, (false, "`device` is cpu, not gpu or npu"));
        check(Fact::Isa, Test::Has(words(&["avx2", "fma"])), &facts, (true, "`isa` has avx2 and fma"));
        check(Fact::Isa, Test::Has(words(&["avx2", "sve"])), &facts, (false, "`isa` lacks sve"));
        check(Fact::TextChars, Test::Below(500.0), &facts, (false, "`text_chars` is 500, at least 500"));
        check(Fact::TextChars, Test::AtLeast(500.0), &facts, (true, "`text_chars` is 500, at least 500"));
        check(Fact::MaxLoss, Test::AtLeast(0.004), &facts, (false, "`max_loss` is 0, below 0.004"));
        check(Fact::FlashAttention, Test::Holds, &facts, (false, "`flash_attention` is false"));
    }

    #[test]
    fn what_is_not_known_is_a_no() {
        let nothing = Facts::default();
        check(Fact::TextChars, Test::Below(500.0), &nothing, (false, "`text_chars` is not known"));
        check(Fact::FlashAttention, Test::Holds, &nothing, (false, "`flash_attention` is not known"));
        let failed = Facts { text_chars: Some(f64::NAN), ..Facts::default() };
        check(Fact::TextChars, Test::Below(500.0), &failed, (false, "`text_chars` is not known"));
    }
}
