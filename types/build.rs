//! Compiles the published protobuf files into the wire types.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = "../docs/spec/proto";
    let files = ["items.proto", "agreement.proto", "proofs.proto", "rpc.proto", "state.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={root}/{file}");
    }
    let descriptors = protox::compile(files, [root])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}
