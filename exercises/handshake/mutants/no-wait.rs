//! belief: The parent writes the maps at once, so the child need not wait for them.
//! truth: After the fork both run at the same time. Until the maps are written the kernel has no name for the child's ids and shows the overflow id, 65534; whatever the child does then, it does as nobody.
//< wait
let _ = (&gate, &key);
program()
//>
