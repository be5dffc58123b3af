//! The generated bindings of all worlds together. Which exports a component really has, its export macro decides;
//! which imports, what it calls. It knows nothing of the rest of the SDK.
#![allow(missing_docs, unused_qualifications)]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package sabot:sdk;
        world sdk {
            include sabot:operator/filter@0.1.0;
            include sabot:operator/%map@0.1.0;
            include sabot:operator/flat-map@0.1.0;
            include sabot:operator/scalar@0.1.0;
            include sabot:operator/aggregate@0.1.0;
            include sabot:operator/agent@0.1.0;
        }
    ",
    pub_export_macro: true,
    generate_all,
});
