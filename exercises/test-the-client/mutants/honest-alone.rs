//! belief: A client that fetches what is there is right.
//! truth: Nearly every client does, as long as all is well. What they differ in is what they do when it is not: when somebody lies, is busy, or would like to know the password.
//< judge
let _ = (lies, secrets, patience, INDEX);
good_will(client)
//>
