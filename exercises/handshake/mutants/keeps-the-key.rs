//! belief: Only the parent has the writing end of the pipe.
//! truth: A fork copies every descriptor. End of file comes when all copies of the writing end are closed, and one of them is the child's own: it waits for itself, for ever.
//< wait
let _ = key.as_raw_fd();
let mut word = [0; 1];
match (&gate).read(&mut word) {
    Ok(1) => program(),
    _ => 125,
}
//>
