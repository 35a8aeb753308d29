//! belief: A signal for the container reaches its processes by itself.
//! truth: A signal goes to one process. What is sent to the container is sent to PID 1, and the kernel drops even that if PID 1 has no handler for it. Nobody but PID 1 can tell the command.
//< forward
let _ = (command, signal, kill);
//>
