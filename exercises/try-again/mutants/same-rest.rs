//! belief: A rest is a rest; one length does.
//! truth: If it was too short, it will be too short again. Doubled each time it soon is long enough, whatever is the matter, and costs little if the first was.
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
            (world.rest)(wait);
            wait *= 1;
        }
    }
}
Err(last)
//>
