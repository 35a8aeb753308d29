//! belief: When read(2) comes back, the parent has opened the gate.
//! truth: read(2) also comes back with 0, end of file, when the last writer has gone: the parent has died or given up. Only a byte that was read is a word.
//< wait
let _ = close(key.as_raw_fd());
let mut word = [0; 1];
let _ = (&gate).read(&mut word);
program()
//>
