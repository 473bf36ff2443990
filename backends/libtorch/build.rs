//! Lets the tests of this crate find the libtorch they were linked with. The plugin needs nothing of the kind: its host
//! has loaded the library before.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH_LIB");
    if let Ok(folder) = std::env::var("LIBTORCH_LIB")
        && std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix")
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/lib");
    }
}
