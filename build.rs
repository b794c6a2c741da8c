//! Has cargo notice a new bundle of `admin-ui`. `make` builds the bundle first; without one the binary still builds, and
//! its `/_/` says what is missing.

const BUNDLE: &str = "admin-ui/dist";

fn main() {
    // A folder that isn't there counts as changed at every build. Where it can't be made, that is all it costs.
    drop(std::fs::create_dir_all(BUNDLE));
    println!("cargo::rerun-if-changed={BUNDLE}");
}
