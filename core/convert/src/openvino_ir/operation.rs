//! The operations that are used, each in the first version that has what is needed of it.

/// A type of layer, and the operator set that brought this version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// Its name.
    pub(super) name: &'static str,
    /// Number of the operator set.
    pub(super) opset: u8,
}

const fn operation(name: &'static str, opset: u8) -> Operation {
    Operation { name, opset }
}

pub(super) const ABS: Operation = operation("Abs", 1);
pub(super) const ADD: Operation = operation("Add", 1);
pub(super) const BROADCAST: Operation = operation("Broadcast", 3);
pub(super) const CONCAT: Operation = operation("Concat", 1);
pub(super) const CONST: Operation = operation("Const", 1);
pub(super) const CONVERT: Operation = operation("Convert", 1);
pub(super) const COS: Operation = operation("Cos", 1);
pub(super) const CUM_SUM: Operation = operation("CumSum", 3);
pub(super) const DIVIDE: Operation = operation("Divide", 1);
pub(super) const FAKE_QUANTIZE: Operation = operation("FakeQuantize", 1);
pub(super) const GATHER: Operation = operation("Gather", 8);
pub(super) const GATHER_ELEMENTS: Operation = operation("GatherElements", 6);
pub(super) const GELU: Operation = operation("Gelu", 7);
pub(super) const LOG: Operation = operation("Log", 1);
pub(super) const LOGICAL_AND: Operation = operation("LogicalAnd", 1);
pub(super) const MAT_MUL: Operation = operation("MatMul", 1);
pub(super) const MAXIMUM: Operation = operation("Maximum", 1);
pub(super) const MINIMUM: Operation = operation("Minimum", 1);
pub(super) const MULTIPLY: Operation = operation("Multiply", 1);
pub(super) const MVN: Operation = operation("MVN", 6);
pub(super) const NOT_EQUAL: Operation = operation("NotEqual", 1);
pub(super) const PARAMETER: Operation = operation("Parameter", 1);
pub(super) const POWER: Operation = operation("Power", 1);
pub(super) const RANGE: Operation = operation("Range", 4);
pub(super) const REDUCE_L2: Operation = operation("ReduceL2", 4);
pub(super) const REDUCE_MAX: Operation = operation("ReduceMax", 1);
pub(super) const REDUCE_MEAN: Operation = operation("ReduceMean", 1);
pub(super) const REDUCE_SUM: Operation = operation("ReduceSum", 1);
pub(super) const RELU: Operation = operation("ReLU", 1);
pub(super) const RESHAPE: Operation = operation("Reshape", 1);
pub(super) const RESULT: Operation = operation("Result", 1);
pub(super) const SELECT: Operation = operation("Select", 1);
pub(super) const SHAPE_OF: Operation = operation("ShapeOf", 3);
pub(super) const SIGMOID: Operation = operation("Sigmoid", 1);
pub(super) const SIN: Operation = operation("Sin", 1);
pub(super) const SLICE: Operation = operation("Slice", 8);
pub(super) const SOFTMAX: Operation = operation("Softmax", 8);
pub(super) const SQRT: Operation = operation("Sqrt", 1);
pub(super) const SQUEEZE: Operation = operation("Squeeze", 1);
pub(super) const SUBTRACT: Operation = operation("Subtract", 1);
pub(super) const SWISH: Operation = operation("Swish", 4);
pub(super) const TANH: Operation = operation("Tanh", 1);
pub(super) const TOP_K: Operation = operation("TopK", 11);
pub(super) const TRANSPOSE: Operation = operation("Transpose", 1);
pub(super) const UNSQUEEZE: Operation = operation("Unsqueeze", 1);
