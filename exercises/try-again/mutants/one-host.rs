//! belief: All hosts have the same blob, so one will do.
//! truth: They have it, but not all of them are up. A mirror that fails is passed over; what it has sent is kept.
//< download
let mut bytes = Vec::new();
let mut last = "there is nobody to ask".to_owned();
for host in hosts.iter().take(1) {
    let mut wait = patience.first_wait;
    for attempt in 1..=patience.attempts {
        match part(host, size, &mut bytes, patience, world) {
            Ok(()) => return Ok(bytes),
            Err(Failure::No(why)) => {
                last = why;
                break;
            }
            Err(Failure::BadMoment(why)) => last = why,
        }
        if attempt < patience.attempts {
            (world.rest)(wait);
            wait *= 2;
        }
    }
}
Err(last)
//>
