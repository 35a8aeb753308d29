//! belief: The digest and an ending make a good temporary name: no two blobs share it.
//! truth: Two pulls of the same blob do. One renames the file under the other's hands, who goes on writing to what is a blob by now, or finds that it is gone.
//< temporary
let _ = AtomicU32::new(0).load(Ordering::Relaxed);
let path = store.join(".receive");
Ok((File::create(&path)?, path))
//>
