//! Rows as a table: the columns of the input, and `embedding`.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use arrow_select::{concat::concat, take::take};

use super::Rows;
use crate::{
    Record,
    input::{Columns, Value},
};

/// Name of the column with the vectors. A column of the input with this name gives way to it.
pub(super) const EMBEDDING: &str = "embedding";

/// The table of some rows, which all have the same columns.
pub(super) fn table(rows: Rows<'_>) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = input_columns(rows.records())?;
    if let Some(place) = fields.iter().position(|field| field.name() == EMBEDDING) {
        fields.remove(place);
        columns.remove(place);
    }
    let dim = i32::try_from(rows.dim()).map_err(|_| ArrowError::InvalidArgumentError("too many dimensions".into()))?;
    let numbers = Arc::new(Field::new("element", DataType::Float32, false));
    fields.push(Arc::new(Field::new(EMBEDDING, DataType::FixedSizeList(Arc::clone(&numbers), dim), false)));
    let values = Arc::new(Float32Array::from(rows.numbers().to_vec()));
    columns.push(Arc::new(FixedSizeListArray::try_new(numbers, dim, values, None)?));
    // Metadata of the input's schema would speak of columns as they were there.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn input_columns(records: &[Record]) -> Result<(Vec<FieldRef>, Vec<ArrayRef>), ArrowError> {
    match records.first().map(Record::columns) {
        None | Some(Columns::None) => {
            let texts = StringArray::from_iter_values(records.iter().map(Record::text));
            Ok((vec![Arc::new(Field::new("text", DataType::Utf8, true))], vec![Arc::new(texts)]))
        }
        Some(Columns::Values { schema, .. }) => {
            let columns = schema.fields().iter().enumerate().map(|(place, field)| column(records, place, field));
            Ok((schema.fields().iter().cloned().collect(), columns.collect::<Result<_, _>>()?))
        }
        Some(Columns::Row { batch, .. }) => {
            let fields = batch.schema().fields().iter().cloned().collect();
            let columns = (0..batch.num_columns()).map(|place| gathered(records, place));
            Ok((fields, columns.collect::<Result<_, _>>()?))
        }
    }
}

/// One column of values that came one by one.
fn column(records: &[Record], place: usize, field: &Field) -> Result<ArrayRef, ArrowError> {
    let values = records.iter().map(|record| match record.columns() {
        Columns::Values { text, .. } if *text == place => Ok((Some(record.text()), &Value::Null)),
        Columns::Values { values, .. } => values.get(place).map(|value| (None, value)).ok_or_else(differ),
        _ => Err(differ()),
    });
    let values: Vec<(Option<&str>, &Value)> = values.collect::<Result<_, _>>()?;
    Ok(match field.data_type() {
        DataType::Boolean => Arc::new(values.iter().map(|(_, value)| value.as_bool()).collect::<BooleanArray>()),
        DataType::Int64 => Arc::new(values.iter().map(|(_, value)| value.as_int()).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(values.iter().map(|(_, value)| value.as_float()).collect::<Float64Array>()),
        _ => Arc::new(values.iter().map(|(text, value)| text.or_else(|| value.as_text())).collect::<StringArray>()),
    })
}

/// One column of rows that came in batches.
fn gathered(records: &[Record], place: usize) -> Result<ArrayRef, ArrowError> {
    let mut pieces: Vec<ArrayRef> = Vec::new();
    let batch_of = |record: &'_ Record| match record.columns() {
        Columns::Row { batch, row } => Ok((Arc::clone(batch), *row as u64)),
        _ => Err(differ()),
    };
    let mut rest = records;
    while let Some(first) = rest.first() {
        let (batch, _) = batch_of(first)?;
        let same = |record: &&Record| matches!(record.columns(), Columns::Row { batch: other, .. } if Arc::ptr_eq(other, &batch));
        let (here, after) = rest.split_at(rest.iter().take_while(same).count());
        let rows = here.iter().map(|record| batch_of(record).map(|(_, row)| row)).collect::<Result<Vec<_>, _>>()?;
        if place >= batch.num_columns() {
            return Err(differ());
        }
        pieces.push(take(batch.column(place), &UInt64Array::from(rows), None)?);
        rest = after;
    }
    concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

fn differ() -> ArrowError {
    ArrowError::SchemaError("the records differ in their columns".to_owned())
}
