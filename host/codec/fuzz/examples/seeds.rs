//! Writes the seeds that our own encoders make, beside those that are there.

use std::path::Path;

fn main() -> std::io::Result<()> {
    for target in sabot_codec_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (name, seed) in target.made() {
            std::fs::write(folder.join(name), seed)?;
        }
    }
    Ok(())
}
