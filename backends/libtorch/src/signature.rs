//! What a TorchScript file takes, in its own words.
//!
//! The crate `tch` does not tell the arguments of a method, but TorchScript's complaint about missing ones does, with
//! names and types: `Declaration: forward(__torch__.Model self, Tensor input_ids, Tensor? mask=None) -> Tensor`.

use drivetrain_contract::{Error, Inputs, Result};

const MARK: &str = "Declaration: forward(";

/// Arguments in the order of those whose names say nothing, as in files that were traced.
const BY_ORDER: [Inputs; 4] = [Inputs::INPUT_IDS, Inputs::ATTENTION_MASK, Inputs::TOKEN_TYPE_IDS, Inputs::POSITION_IDS];

/// The arguments of `forward`, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature(Vec<Inputs>);

impl Signature {
    /// Reads the complaint of a `forward` that was given nothing; `has_types` is whether the model tells segments apart.
    ///
    /// # Errors
    /// `Unsupported` for an argument that must be given and that nobody knows.
    pub(crate) fn read(complaint: &str, has_types: bool) -> Result<Self> {
        let declared = complaint.split_once(MARK).and_then(|(_, rest)| rest.split_once(") ->")).map(|(list, _)| list);
        let Some(declared) = declared else {
            // Nothing to go by: what every transformer takes.
            let n_inputs = if has_types { 3 } else { 2 };
            return Ok(Self(BY_ORDER[..n_inputs].to_vec()));
        };
        let arguments: Vec<Argument<'_>> = split(declared).into_iter().skip(1).map(Argument::read).collect();
        let named = arguments.iter().any(|argument| Inputs::named(argument.name).is_some());
        let mut inputs = Vec::new();
        for (idx, argument) in arguments.iter().enumerate() {
            let input = if named { Inputs::named(argument.name) } else { BY_ORDER.get(idx).copied() };
            match input.filter(|_| argument.is_tensor) {
                Some(input) => inputs.push(input),
                // Arguments are given by place, so those behind the first that is left to its default are too.
                None if argument.has_default => break,
                None => return Err(unknown(argument.name)),
            }
        }
        if inputs.first() != Some(&Inputs::INPUT_IDS) {
            return Err(Error::unsupported("the TorchScript file does not take `input_ids` first"));
        }
        Ok(Self(inputs))
    }

    /// The inputs in order.
    pub(crate) fn inputs(&self) -> &[Inputs] {
        &self.0
    }
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("the TorchScript file needs an argument `{name}`, which is not known")).with_hint(
        "save it with the arguments `input_ids`, `attention_mask` and, if need be, `token_type_ids`, all tensors",
    )
}

struct Argument<'a> {
    name: &'a str,
    is_tensor: bool,
    has_default: bool,
}

impl<'a> Argument<'a> {
    /// `Tensor input_ids`, `Tensor? mask=None`, `int n=3`.
    fn read(text: &'a str) -> Self {
        let (declared, default) =
            text.split_once('=').map_or((text, None), |(declared, value)| (declared, Some(value)));
        let (kind, name) = declared.trim().rsplit_once(' ').unwrap_or(("", declared.trim()));
        Self {
            name,
            is_tensor: matches!(kind, "Tensor" | "Tensor?" | "Optional[Tensor]"),
            has_default: default.is_some(),
        }
    }
}

/// The arguments, cut at commas outside brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in list.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, expect: Inputs, n_inputs: usize) {
        let complaint = format!(
            "forward() is missing value for argument 'x'. Declaration: forward(__torch__.M self{arguments}) -> (Tensor, \
             Tensor)\nException raised from"
        );
        let found = Signature::read(&complaint, true).unwrap();
        assert_eq!(found.inputs().iter().copied().collect::<Inputs>(), expect, "{arguments}");
        assert_eq!(found.inputs().len(), n_inputs);
    }

    #[test]
    fn arguments_are_known_by_name_or_by_order() {
        let two = Inputs::INPUT_IDS | Inputs::ATTENTION_MASK;
        check(", Tensor input_ids, Tensor attention_mask", two, 2);
        check(", Tensor input_ids, Tensor? attention_mask=None, bool fast=False, Tensor? x=None", two, 2);
        check(", Tensor input_ids, Tensor token_type_ids", Inputs::INPUT_IDS | Inputs::TOKEN_TYPE_IDS, 2);
        check(", Tensor input_ids, (Tensor, int)[] cache=[]", Inputs::INPUT_IDS, 1);
        check(", Tensor x, Tensor argument_2", two, 2);
        check(", Tensor x", Inputs::INPUT_IDS, 1);
        let by_default = Signature::read("no declaration here", true).unwrap();
        assert_eq!(by_default.inputs().len(), 3);
        assert_eq!(Signature::read("", false).unwrap().inputs().len(), 2);
    }

    #[test]
    fn what_cannot_be_given_is_named() {
        let read = |arguments: &str| Signature::read(&format!("Declaration: forward(M self{arguments}) -> T"), false);
        assert!(read(", Tensor input_ids, Tensor task_id").unwrap_err().message().contains("`task_id`"));
        assert!(read(", Tensor input_ids, int n").unwrap_err().message().contains("`n`"));
        assert!(read("").unwrap_err().message().contains("input_ids"));
        assert!(read(", Tensor attention_mask, Tensor input_ids").is_err());
    }
}
