//! belief: With patience everything can be downloaded.
//! truth: Not from a server that has been switched off. At some point the next host is asked, or the user is told; until then each waits for the other.
//< download
let mut bytes = Vec::new();
let mut last = "there is nobody to ask".to_owned();
for host in hosts {
    let mut wait = patience.first_wait;
    for attempt in 1.. {
        match part(host, size, &mut bytes, patience, world) {
            Ok(()) => return Ok(bytes),
            Err(Failure::No(why)) => {
                last = why;
                break;
            }
            Err(Failure::BadMoment(why)) => last = why,
        }
        if attempt < u32::MAX {
            (world.rest)(wait);
            wait = wait.saturating_mul(2);
        }
    }
}
Err(last)
//>
