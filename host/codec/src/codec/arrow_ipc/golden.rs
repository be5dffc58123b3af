//! Columns as the integration files of Arrow have them, and arrays in the same form, to be compared: one JSON value
//! for each value, without dictionaries, views and runs.

use std::collections::HashMap;

use arrow::array::*;
use arrow::datatypes::*;
use serde_json::{Value, json};

/// Names and values of the columns of a file, all batches together.
pub(super) fn columns(file: &Value) -> Vec<(String, Vec<Value>)> {
    let fields = file["schema"]["fields"].as_array().unwrap();
    let mut columns: Vec<(String, Vec<Value>)> =
        fields.iter().map(|field| (field["name"].as_str().unwrap().to_owned(), Vec::new())).collect();
    let golden = Golden { dictionaries: dictionaries(file) };
    for batch in file["batches"].as_array().unwrap() {
        for (i, column) in batch["columns"].as_array().unwrap().iter().enumerate() {
            columns[i].1.extend(golden.values(column, &fields[i]));
        }
    }
    columns
}

/// The data of each dictionary.
fn dictionaries(file: &Value) -> HashMap<i64, Value> {
    let all = file["dictionaries"].as_array().into_iter().flatten();
    all.map(|dictionary| {
        let column = dictionary["data"]["columns"][0].clone();
        (dictionary["id"].as_i64().unwrap(), column)
    })
    .collect()
}

struct Golden {
    dictionaries: HashMap<i64, Value>,
}

fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn integers(values: &Value) -> Vec<i64> {
    values.as_array().unwrap().iter().map(integer).collect()
}

fn list(values: &[Value], begin: i64, end: i64) -> Value {
    Value::Array(values[begin as usize..end as usize].to_vec())
}

impl Golden {
    fn values(&self, column: &Value, field: &Value) -> Vec<Value> {
        let count = column["count"].as_u64().unwrap() as usize;
        let values = match field.get("dictionary") {
            None => self.plain(column, field, count),
            Some(dictionary) => {
                let mut field = field.clone();
                field.as_object_mut().unwrap().remove("dictionary");
                let data = &self.dictionaries[&dictionary["id"].as_i64().unwrap()];
                let values = self.values(data, &field);
                let valid = column["VALIDITY"].as_array().unwrap();
                let keys = integers(&column["DATA"]);
                let of = |(key, valid): (i64, &Value)| match integer(valid) {
                    0 => Value::Null,
                    _ => values[key as usize].clone(),
                };
                keys.into_iter().zip(valid).map(of).collect()
            }
        };
        let Some(valid) = column["VALIDITY"].as_array() else { return values };
        values
            .into_iter()
            .zip(valid)
            .map(|(v, valid)| if integer(valid) == 0 { Value::Null } else { v })
            .collect()
    }

    fn child(&self, column: &Value, field: &Value, i: usize) -> Vec<Value> {
        self.values(&column["children"][i], &field["children"][i])
    }

    fn plain(&self, column: &Value, field: &Value, count: usize) -> Vec<Value> {
        let data = || column["DATA"].as_array().unwrap().iter();
        match field["type"]["name"].as_str().unwrap() {
            "null" => vec![Value::Null; count],
            "bool" => data().map(|v| json!(v.as_bool().unwrap_or_else(|| integer(v) != 0))).collect(),
            "floatingpoint" => match field["type"]["precision"].as_str().unwrap() {
                "HALF" => data().map(|v| json!(format!("{:?}", half(v.as_f64().unwrap())))).collect(),
                "SINGLE" => data().map(|v| json!(format!("{:?}", v.as_f64().unwrap() as f32))).collect(),
                _ => data().map(|v| json!(format!("{:?}", v.as_f64().unwrap()))).collect(),
            },
            "utf8" | "largeutf8" | "binary" | "largebinary" | "fixedsizebinary" => data().cloned().collect(),
            "utf8view" | "binaryview" => views(column, field["type"]["name"] == "utf8view"),
            "interval" => data().map(interval).collect(),
            "list" | "largelist" | "map" => {
                let (offsets, items) = (integers(&column["OFFSET"]), self.child(column, field, 0));
                (0..count).map(|i| list(&items, offsets[i], offsets[i + 1])).collect()
            }
            "listview" | "largelistview" => {
                let (offsets, sizes) = (integers(&column["OFFSET"]), integers(&column["SIZE"]));
                let items = self.child(column, field, 0);
                (0..count).map(|i| list(&items, offsets[i], offsets[i] + sizes[i])).collect()
            }
            "fixedsizelist" => {
                let size = field["type"]["listSize"].as_i64().unwrap();
                let items = self.child(column, field, 0);
                (0..count as i64).map(|i| list(&items, i * size, (i + 1) * size)).collect()
            }
            "struct" => {
                let names = field["children"].as_array().unwrap().len();
                let columns: Vec<Vec<Value>> = (0..names).map(|i| self.child(column, field, i)).collect();
                (0..count).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
            }
            "runendencoded" => {
                let (ends, values) = (self.child(column, field, 0), self.child(column, field, 1));
                let ends: Vec<usize> = ends.iter().map(|end| integer(end) as usize).collect();
                (0..count).map(|row| values[ends.partition_point(|&end| end <= row)].clone()).collect()
            }
            // Integers, decimals, dates, times.
            _ => data().map(|v| json!(v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect(),
        }
    }
}

fn half(value: f64) -> <Float16Type as ArrowPrimitiveType>::Native {
    <Float16Type as ArrowPrimitiveType>::Native::from_f64(value)
}

fn interval(value: &Value) -> Value {
    let part = |name: &str| integer(&value[name]);
    json!(if value.get("nanoseconds").is_some() {
        let (months, days) = (part("months") as i32, part("days") as i32);
        format!("{:?}", IntervalMonthDayNano::new(months, days, part("nanoseconds")))
    } else if value.get("days").is_some() {
        format!("{:?}", IntervalDayTime::new(part("days") as i32, part("milliseconds") as i32))
    } else {
        value.to_string()
    })
}

fn views(column: &Value, text: bool) -> Vec<Value> {
    let buffers = column["VARIADIC_DATA_BUFFERS"].as_array().unwrap();
    let of = |view: &Value| match view.get("INLINED") {
        Some(inlined) => inlined.clone(),
        None => {
            let hex = buffers[view["BUFFER_INDEX"].as_u64().unwrap() as usize].as_str().unwrap();
            let begin = 2 * view["OFFSET"].as_u64().unwrap() as usize;
            let hex = &hex[begin..begin + 2 * view["SIZE"].as_u64().unwrap() as usize];
            let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
            if text { json!(String::from_utf8(bytes.collect()).unwrap()) } else { json!(hex) }
        }
    };
    column["VIEWS"].as_array().unwrap().iter().map(of).collect()
}

fn hex(bytes: &[u8]) -> Value {
    json!(bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
}

/// The values of an array in the same form.
pub(super) fn values(array: &dyn Array) -> Vec<Value> {
    macro_rules! primitive {
        ($t:ty) => {
            array.as_primitive::<$t>().values().iter().map(|v| json!(format!("{v:?}"))).collect()
        };
    }
    let all: Vec<Value> = downcast_primitive! {
        array.data_type() => (primitive),
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => array.as_boolean().values().iter().map(|v| json!(v)).collect(),
        DataType::Utf8 => array.as_string::<i32>().iter().map(|v| json!(v)).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(|v| json!(v)).collect(),
        DataType::Binary => array.as_binary::<i32>().iter().map(|v| hex(v.unwrap_or_default())).collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().map(|v| hex(v.unwrap_or_default())).collect(),
        DataType::FixedSizeBinary(_) => {
            array.as_fixed_size_binary().iter().map(|v| hex(v.unwrap_or_default())).collect()
        },
        DataType::List(_) => array.as_list::<i32>().iter().map(of_list).collect(),
        DataType::LargeList(_) => array.as_list::<i64>().iter().map(of_list).collect(),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().iter().map(of_list).collect(),
        DataType::Map(..) => array.as_map().iter().map(|v| of_list(v.map(|v| make_array(v.to_data())))).collect(),
        DataType::Struct(_) => {
            let columns: Vec<Vec<Value>> =
                array.as_struct().columns().iter().map(|column| values(column.as_ref())).collect();
            (0..array.len()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
        },
        other => panic!("no golden form of {other}"),
    };
    let null = |row| array.is_null(row);
    all.into_iter().enumerate().map(|(row, v)| if null(row) { Value::Null } else { v }).collect()
}

fn of_list(items: Option<ArrayRef>) -> Value {
    items.map_or(Value::Null, |items| Value::Array(values(items.as_ref())))
}
