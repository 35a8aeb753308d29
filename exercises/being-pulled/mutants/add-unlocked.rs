//! belief: To append a line is one write, and needs no lock.
//! truth: The line is not torn, but late: a collection has read the lease and goes through the blobs. It comes to ours after we have looked, and seen that it is there.
//< add
(&self.file).write_all(format!("{blob}\n").as_bytes())
//>
