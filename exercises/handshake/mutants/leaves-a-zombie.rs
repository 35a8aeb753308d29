//! belief: A child that ends by itself needs nothing more from its parent.
//! truth: The kernel keeps its exit status until the parent has asked for it with wait(2). Until then it is a zombie, which has a pid and counts against every limit on processes.
//< open
attach(pid)?;
(&key).write_all(b"G")?;
Ok(pid)
//>
