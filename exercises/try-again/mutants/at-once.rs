//! belief: Who tries again at once is done sooner.
//! truth: A server that is too busy gets busier. A thousand machines that come back at once, all of them, and again, keep it down; a rest that doubles lets it up.
//< download
let mut bytes = Vec::new();
let mut last = "there is nobody to ask".to_owned();
for host in hosts {
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
            let _ = world.rest;
            wait *= 2;
        }
    }
}
Err(last)
//>
