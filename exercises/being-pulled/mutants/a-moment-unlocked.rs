//! belief: The lease is locked as soon as it is made.
//! truth: As soon as is not at once. A collection that comes between the two finds a lease that nobody holds, and removes it; its holder does not notice, and writes down what it needs in a file that is gone.
//< lease
// Process ids are the same in two PID namespaces.
let random = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
let name = format!("{}-{number}", random.trim());
let file = new(&self.leases().join(&name))?;
file.lock()?;
//>
