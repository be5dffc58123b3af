//! Schemas of codecs that have a language of their own for them, with good rows as JSON. Knows nothing of what is
//! run with them.

/// A schema, and rows of its columns.
pub(crate) struct Own {
    /// For people.
    pub(crate) name: &'static str,
    /// In the codec's language.
    pub(crate) text: &'static str,
    /// As JSON.
    pub(crate) rows: &'static [&'static str],
}

/// Protobuf: each kind of field, the messages that everybody knows, and the old language.
pub(crate) const PROTOBUF: [Own; 3] = [
    Own {
        name: "event",
        text: r#"syntax = "proto3";
            import "google/protobuf/duration.proto";
            import "google/protobuf/struct.proto";
            import "google/protobuf/timestamp.proto";
            import "google/protobuf/wrappers.proto";
            package fuzz;
            message Event {
              int64 id = 1;
              string user = 2;
              optional double amount = 3;
              google.protobuf.Timestamp at = 4;
              google.protobuf.Duration took = 5;
              google.protobuf.Int64Value wrapped = 6;
              google.protobuf.StringValue text = 7;
              google.protobuf.Value any = 8;
              google.protobuf.Struct more = 9;
              google.protobuf.ListValue list = 10;
              repeated google.protobuf.Timestamp times = 11;
              repeated google.protobuf.BoolValue flags = 12;
              map<string, google.protobuf.Value> values = 13;
            }"#,
        rows: &[
            r#"{"id":1,"user":"ann","amount":12.5,"at":"2024-05-01T12:00:00.123456789Z","took":-1500000000,
                "wrapped":7,"text":"","any":{"a":[1.5,null,true,"x"]},"more":{"b":{}},"list":[1.0,[]],
                "times":[0,-1],"flags":[true,false],"values":{"k":null,"l":"x"}}"#,
            r#"{"id":0,"user":"","wrapped":0,"times":[],"flags":[],"values":{}}"#,
        ],
    },
    Own {
        name: "all",
        text: r#"syntax = "proto3";
            message All {
              enum Kind { NONE = 0; SOME = 1; OTHER = -5; }
              message Line { string sku = 1; optional int32 count = 2; repeated fixed64 ids = 3 [packed = false]; }
              int32 i32 = 1; uint32 u32 = 2; sint32 s32 = 3; fixed32 f32 = 4; sfixed32 sf32 = 5;
              int64 i64 = 6; uint64 u64 = 7; sint64 s64 = 8; fixed64 f64 = 9; sfixed64 sf64 = 10;
              bool ok = 11; float small = 12; double large = 13; bytes raw = 14; Kind kind = 15;
              oneof choice { string word = 16; bool yes = 17; Line line = 18; Kind which = 19; }
              repeated Line lines = 20;
              repeated sint64 packed = 21;
              repeated string tags = 22;
              repeated Kind kinds = 23;
              repeated double doubles = 24;
              map<string, Line> by_name = 1000;
              map<string, bytes> blobs = 536870911;
            }"#,
        rows: &[
            r#"{"i32":-1,"u32":4294967295,"s32":-2147483648,"f32":1,"sf32":-1,"i64":-1,"u64":18446744073709551615,
                "s64":-9223372036854775808,"f64":2,"sf64":-2,"ok":true,"small":1.5,"large":-0.0,"raw":"AAEC",
                "kind":"SOME","word":"w","lines":[{"sku":"a","count":0,"ids":[1,2]},{"sku":"","ids":[]}],
                "packed":[1,-1,300],"tags":["x",""],"kinds":["OTHER","NONE"],"doubles":[0.5,1e300],
                "by_name":{"a":{"sku":"b","ids":[3]}},"blobs":{"b":"","c":"/w=="}}"#,
            r#"{"i32":0,"u32":0,"s32":0,"f32":0,"sf32":0,"i64":0,"u64":0,"s64":0,"f64":0,"sf64":0,"ok":false,"small":0,
                "large":0,"raw":"","kind":"7","line":{"sku":"l","ids":[]},"lines":[],"packed":[],"tags":[],"kinds":[],
                "doubles":[],"by_name":{},"blobs":{}}"#,
        ],
    },
    Own {
        name: "old",
        text: r#"syntax = "proto2";
            message Old {
              required int32 id = 1;
              optional string name = 2 [default = "nobody"];
              optional float rate = 3 [default = -1.5];
              optional group Part = 4 { optional bool b = 1; repeated int32 n = 2; }
              repeated group Item = 5 { required string sku = 1; }
              repeated uint32 packed = 6 [packed = true];
              enum Kind { A = 1; B = 2; }
              optional Kind kind = 7 [default = B];
              repeated Kind kinds = 8;
              extensions 100 to 199;
            }"#,
        rows: &[
            r#"{"id":1,"name":"n","rate":0.5,"part":{"b":true,"n":[1,2]},"item":[{"sku":"a"},{"sku":""}],"packed":[1,300],
                "kind":"A","kinds":["A","B","A"]}"#,
            r#"{"id":-1,"name":"nobody","rate":-1.5,"item":[],"packed":[],"kind":"B","kinds":[]}"#,
        ],
    },
];

/// Avro: each type, logical or not, and unions of several.
pub(crate) const AVRO: [Own; 2] = [
    Own {
        name: "event",
        text: r#"{"type":"record","name":"Event","namespace":"fuzz","fields":[
            {"name":"id","type":"long"},{"name":"user","type":["null","string"],"default":null},
            {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"],"default":"A"}},
            {"name":"kinds","type":{"type":"array","items":["Kind","null"]}},
            {"name":"many","type":["null","int","string",{"type":"record","name":"Pair","fields":[
              {"name":"a","type":"int"},{"name":"b","type":["bytes","null"]}]},{"type":"array","items":"Pair"}]},
            {"name":"pairs","type":{"type":"map","values":{"type":"array","items":"Pair"}}},
            {"name":"nothing","type":"null"},{"name":"nulls","type":{"type":"array","items":"null"}},
            {"name":"ok","type":"boolean"},{"name":"half","type":"float"},{"name":"whole","type":["double","null"]}]}"#,
        rows: &[
            r#"{"id":1,"user":"ann","kind":"B","kinds":["A",null],"many":{"Pair":{"a":1,"b":"AAE="}},
                "pairs":{"x":[{"a":-1}],"y":[]},"nothing":null,"nulls":[null,null],"ok":true,"half":1.5,"whole":-0.0}"#,
            r#"{"id":-64,"kind":"A","kinds":[],"many":{"string":""},"pairs":{},"nulls":[],"ok":false,"half":0}"#,
            r#"{"id":64,"kind":"A","kinds":[],"many":{"array":[{"a":2,"b":""}]},"pairs":{},"nulls":[],"ok":false,"half":0}"#,
        ],
    },
    Own {
        name: "logical",
        text: r#"{"type":"record","name":"Logical","fields":[
            {"name":"short","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"fixed","type":{"type":"fixed","name":"F","size":5,"logicalType":"decimal","precision":10,"scale":0}},
            {"name":"wide","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":3}},
            {"name":"uuid","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
            {"name":"date","type":{"type":"int","logicalType":"date"}},
            {"name":"time","type":{"type":"int","logicalType":"time-millis"}},
            {"name":"time_us","type":{"type":"long","logicalType":"time-micros"}},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"at_us","type":{"type":"long","logicalType":"timestamp-micros"}},
            {"name":"at_ns","type":{"type":"long","logicalType":"timestamp-nanos"}},
            {"name":"local","type":{"type":"long","logicalType":"local-timestamp-millis"}},
            {"name":"span","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
            {"name":"raw","type":{"type":"fixed","name":"R","size":3}},
            {"name":"bytes","type":"bytes"}]}"#,
        rows: &[r#"{"short":"-1234567.89","fixed":"9999999999","wide":"-123456789012345678901234567890.125",
                "uuid":"89791762-2336-4186-9674-299b90a802e2","date":"2024-02-29","time":"23:59:59.999",
                "time_us":1,"at":"2024-05-01T12:00:00.123Z","at_us":-1,"at_ns":"2024-05-01T12:00:00.000000001Z",
                "local":0,"span":{"months":1,"days":2,"millis":4294967295},"raw":"AAEC","bytes":""}"#],
    },
];

/// JSON Schema: what says of values more than their type.
pub(crate) const JSON_SCHEMA: [Own; 2] = [
    Own {
        name: "order",
        text: r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","title":"Order",
            "required":["id","lines"],"additionalProperties":false,"$defs":{"name":{"type":"string","minLength":1,
            "pattern":"^[a-z]"}},"properties":{"id":{"type":"integer","minimum":-5,"multipleOf":1},
            "user":{"$ref":"#/$defs/name"},"at":{"type":["string","null"],"format":"date-time"},
            "kind":{"enum":["a","b",null]},"lines":{"type":"array","maxItems":3,"uniqueItems":true,"items":{
            "type":"object","required":["sku"],"properties":{"sku":{"$ref":"#/$defs/name"},"count":{"type":"integer"}}}},
            "amount":{"type":"number","exclusiveMaximum":1000}},"dependentRequired":{"amount":["user"]},
            "if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["id"]}}"##,
        rows: &[
            r#"{"id":1,"user":"ann","at":"2024-05-01T12:00:00Z","kind":"a","lines":[{"sku":"a","count":1}],"amount":1.5}"#,
            r#"{"id":-5,"user":"b","at":null,"kind":"b","lines":[],"amount":0}"#,
        ],
    },
    Own {
        name: "open",
        text: r##"{"type":"object","properties":{"a":{"oneOf":[{"type":"null"},{"type":"string"}]},
            "m":{"type":"object","additionalProperties":{"type":"number"}},"b":{"type":"boolean"}},
            "patternProperties":{"^x":{"type":"integer"}},"propertyNames":{"maxLength":8},"not":{"required":["no"]}}"##,
        rows: &[r#"{"a":"x","m":{"k":1.5},"b":true}"#, r#"{"a":null,"m":{},"b":false}"#],
    },
];
