//! belief: To verify first and to write then is to read all of it first.
//! truth: Layers have gigabytes, and a pull has several of them under way. Written to a file of another name, the bytes need not stay in memory until they are known to be right.
//< receive
let mut bytes = Vec::new();
let received = pass(source, &mut bytes, digest, size)
    .and_then(|()| file.write_all(&bytes))
    .and_then(|()| fs::rename(&path, store.join(digest.hex())));
if received.is_err() {
    let _ = fs::remove_file(&path);
}
received
//>
