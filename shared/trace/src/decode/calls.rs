//! The system calls whose arguments we know, as the man pages give them.

use super::names::{self as n, Names};

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A descriptor.
    Fd,
    /// A descriptor of a directory, or AT_FDCWD.
    DirFd,
    /// A string.
    Text,
    /// A signed number.
    Int,
    /// An unsigned number.
    Size,
    /// An address.
    Hex,
    /// A number that is best read in hexadecimal.
    Bits,
    /// Permission bits.
    Mode,
    /// File type and permission bits, for mknod.
    TypeMode,
    /// Major and minor number of a device.
    Device,
    /// A process.
    Pid,
    /// A signal.
    Signal,
    /// A user or group; -1 is "leave it".
    Id,
    /// Bits.
    Flags(Names),
    /// One of several.
    Choice(Names),
    /// The flags of open(2).
    Open,
    /// The flags of clone(2), with the exit signal in the lowest byte.
    CloneFlags,
    /// Type and flags of socket(2).
    SocketType,
    /// Bytes that the call reads; their number is the argument of this index.
    Input(usize),
    /// Bytes that the call writes; their number is what it returns.
    Output,
    /// An array of strings.
    Strings,
    /// An array of strings, of which only the number is shown.
    Environment,
    /// Two descriptors that the call makes.
    FdPair,
    /// `struct clone_args`; its size is the next argument.
    CloneArgs,
    /// `struct open_how`.
    OpenHow,
    /// `struct mount_attr`.
    MountAttributes,
    /// `struct rlimit`.
    Limit,
    /// An array of ids; its length is the argument before.
    Ids,
    /// `struct msghdr` to send or, if true, to receive into.
    Message(bool),
    /// A socket address; its length is the next argument.
    Address,
    /// What capset(2) sets.
    Capabilities,
    /// The argument of prctl(2) that the first one explains.
    PrctlArgument,
    /// `union bpf_attr`, which the first argument explains.
    BpfAttributes,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    /// 0, or a number that speaks for itself.
    Number,
    /// A descriptor.
    Fd,
    /// A process that it has made.
    Child,
    /// A process.
    Pid,
}

/// A system call.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    /// Whether it is one of those that containers are made of.
    pub(crate) container: bool,
    pub(crate) arguments: &'static [(&'static str, Kind)],
    pub(crate) returns: Returns,
}

impl Signature {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        SIGNATURES.iter().find(|signature| signature.name == name)
    }
}

macro_rules! signatures {
    ($($group:ident { $($name:ident ($($argument:ident: $kind:expr),*) $(-> $returns:ident)?;)* })*) => {
        &[$($(Signature {
            name: stringify!($name),
            container: signatures!(@group $group),
            arguments: &[$((stringify!($argument), $kind)),*],
            returns: signatures!(@returns $($returns)?),
        }),*),*]
    };
    (@group container) => { true };
    (@group other) => { false };
    (@returns) => { Returns::Number };
    (@returns $returns:ident) => { Returns::$returns };
}

use Kind::{
    Address, Bits, BpfAttributes, Capabilities, Choice, CloneArgs, CloneFlags, Device, DirFd,
    Environment, Fd, FdPair, Flags, Hex, Id, Ids, Input, Int, Limit, Message, Mode,
    MountAttributes, Open, OpenHow, Output, Pid, PrctlArgument, Signal, Size, SocketType, Strings,
    Text, TypeMode,
};

#[rustfmt::skip]
const SIGNATURES: &[Signature] = signatures! {
container {
    clone3(cl_args: CloneArgs, size: Size) -> Child;
    clone(flags: CloneFlags, stack: Hex) -> Child;
    fork() -> Child;
    vfork() -> Child;
    unshare(flags: Flags(n::CLONE));
    setns(fd: Fd, nstype: Flags(n::CLONE));
    mount(source: Text, target: Text, filesystemtype: Text, mountflags: Flags(n::MOUNT), data: Text);
    umount2(target: Text, flags: Flags(n::UMOUNT));
    pivot_root(new_root: Text, put_old: Text);
    chroot(path: Text);
    chdir(path: Text);
    fchdir(fd: Fd);
    fsopen(fsname: Text, flags: Flags(n::FSOPEN)) -> Fd;
    fsconfig(fd: Fd, cmd: Choice(n::FSCONFIG), key: Text, value: Text, aux: Int);
    fsmount(fsfd: Fd, flags: Flags(n::FSMOUNT), attr_flags: Flags(n::ATTRIBUTES)) -> Fd;
    fspick(dirfd: DirFd, path: Text, flags: Flags(n::FSPICK)) -> Fd;
    open_tree(dirfd: DirFd, path: Text, flags: Flags(n::OPEN_TREE)) -> Fd;
    move_mount(from_dirfd: DirFd, from_path: Text, to_dirfd: DirFd, to_path: Text, flags: Flags(n::MOVE_MOUNT));
    mount_setattr(dirfd: DirFd, path: Text, flags: Flags(n::AT), attr: MountAttributes, size: Size);
    openat2(dirfd: DirFd, pathname: Text, how: OpenHow, size: Size) -> Fd;
    mknodat(dirfd: DirFd, pathname: Text, mode: TypeMode, dev: Device);
    mknod(pathname: Text, mode: TypeMode, dev: Device);
    mkdirat(dirfd: DirFd, pathname: Text, mode: Mode);
    mkdir(pathname: Text, mode: Mode);
    rmdir(pathname: Text);
    symlinkat(target: Text, newdirfd: DirFd, linkpath: Text);
    symlink(target: Text, linkpath: Text);
    fchownat(dirfd: DirFd, pathname: Text, owner: Id, group: Id, flags: Flags(n::AT_STAT));
    sethostname(name: Input(1), len: Size);
    setdomainname(name: Input(1), len: Size);
    prctl(option: Choice(n::PRCTL), arg2: PrctlArgument);
    capset(hdrp: Hex, datap: Capabilities);
    seccomp(operation: Choice(n::SECCOMP), flags: Flags(n::SECCOMP_FLAGS), args: Hex);
    setuid(uid: Id);
    setgid(gid: Id);
    setreuid(ruid: Id, euid: Id);
    setregid(rgid: Id, egid: Id);
    setresuid(ruid: Id, euid: Id, suid: Id);
    setresgid(rgid: Id, egid: Id, sgid: Id);
    setfsuid(fsuid: Id);
    setfsgid(fsgid: Id);
    setgroups(size: Size, list: Ids);
    bpf(cmd: Choice(n::BPF), attr: BpfAttributes, size: Size) -> Fd;
    execve(pathname: Text, argv: Strings, envp: Environment);
    execveat(dirfd: DirFd, pathname: Text, argv: Strings, envp: Environment, flags: Flags(n::AT_STAT));
    exit_group(status: Int);
    kill(pid: Pid, sig: Signal);
    pidfd_open(pid: Pid, flags: Bits) -> Fd;
    pidfd_send_signal(pidfd: Fd, sig: Signal, info: Hex, flags: Bits);
    pidfd_getfd(pidfd: Fd, targetfd: Int, flags: Bits) -> Fd;
    close_range(first: Int, last: Size, flags: Flags(n::CLOSE_RANGE));
    socketpair(domain: Choice(n::FAMILY), type: SocketType, protocol: Int, sv: FdPair);
    setsid() -> Pid;
    setrlimit(resource: Choice(n::RESOURCE), rlim: Limit);
    ptrace(request: Bits, pid: Pid, addr: Hex, data: Hex);
    inotify_init1(flags: Bits) -> Fd;
    inotify_add_watch(fd: Fd, pathname: Text, mask: Bits);
}
other {
    exit(status: Int);
    read(fd: Fd, buf: Output, count: Size);
    write(fd: Fd, buf: Input(2), count: Size);
    pread64(fd: Fd, buf: Output, count: Size, offset: Int);
    pwrite64(fd: Fd, buf: Input(2), count: Size, offset: Int);
    sendmsg(sockfd: Fd, msg: Message(false), flags: Flags(n::MESSAGE));
    recvmsg(sockfd: Fd, msg: Message(true), flags: Flags(n::MESSAGE));
    sendto(sockfd: Fd, buf: Input(2), len: Size, flags: Flags(n::MESSAGE));
    recvfrom(sockfd: Fd, buf: Output, len: Size, flags: Flags(n::MESSAGE));
    open(pathname: Text, flags: Open, mode: Mode) -> Fd;
    openat(dirfd: DirFd, pathname: Text, flags: Open, mode: Mode) -> Fd;
    creat(pathname: Text, mode: Mode) -> Fd;
    close(fd: Fd);
    dup(oldfd: Fd) -> Fd;
    dup2(oldfd: Fd, newfd: Int) -> Fd;
    dup3(oldfd: Fd, newfd: Int, flags: Open) -> Fd;
    fcntl(fd: Fd, cmd: Choice(n::FCNTL), arg: Bits);
    ioctl(fd: Fd, request: Choice(n::IOCTL), argp: Hex);
    pipe2(pipefd: FdPair, flags: Open);
    socket(domain: Choice(n::FAMILY), type: SocketType, protocol: Int) -> Fd;
    bind(sockfd: Fd, addr: Address, addrlen: Size);
    connect(sockfd: Fd, addr: Address, addrlen: Size);
    listen(sockfd: Fd, backlog: Int);
    fstat(fd: Fd, statbuf: Hex);
    stat(pathname: Text, statbuf: Hex);
    lstat(pathname: Text, statbuf: Hex);
    newfstatat(dirfd: DirFd, pathname: Text, statbuf: Hex, flags: Flags(n::AT_STAT));
    statx(dirfd: DirFd, pathname: Text, flags: Flags(n::AT_STAT), mask: Bits, statxbuf: Hex);
    statfs(path: Text, buf: Hex);
    fstatfs(fd: Fd, buf: Hex);
    access(pathname: Text, mode: Flags(n::ACCESS));
    faccessat(dirfd: DirFd, pathname: Text, mode: Flags(n::ACCESS));
    faccessat2(dirfd: DirFd, pathname: Text, mode: Flags(n::ACCESS), flags: Flags(n::AT_ACCESS));
    readlink(pathname: Text, buf: Output, bufsiz: Size);
    readlinkat(dirfd: DirFd, pathname: Text, buf: Output, bufsiz: Size);
    unlink(pathname: Text);
    unlinkat(dirfd: DirFd, pathname: Text, flags: Flags(n::AT));
    rename(oldpath: Text, newpath: Text);
    renameat2(olddirfd: DirFd, oldpath: Text, newdirfd: DirFd, newpath: Text, flags: Bits);
    chmod(pathname: Text, mode: Mode);
    fchmod(fd: Fd, mode: Mode);
    fchmodat(dirfd: DirFd, pathname: Text, mode: Mode);
    chown(pathname: Text, owner: Id, group: Id);
    fchown(fd: Fd, owner: Id, group: Id);
    umask(mask: Mode);
    getdents64(fd: Fd, dirp: Hex, count: Size);
    lseek(fd: Fd, offset: Int, whence: Int);
    mmap(addr: Hex, length: Size, prot: Flags(n::PROTECTION), flags: Flags(n::MAP), fd: Int, offset: Hex);
    munmap(addr: Hex, length: Size);
    mprotect(addr: Hex, len: Size, prot: Flags(n::PROTECTION));
    brk(addr: Hex);
    futex(uaddr: Hex, futex_op: Bits, val: Bits);
    set_tid_address(tidptr: Hex);
    set_robust_list(head: Hex, len: Size);
    rseq(rseq: Hex, rseq_len: Size, flags: Bits, sig: Bits);
    arch_prctl(op: Bits, addr: Hex);
    prlimit64(pid: Pid, resource: Choice(n::RESOURCE), new_limit: Limit, old_limit: Hex);
    getrandom(buf: Hex, buflen: Size, flags: Bits);
    rt_sigaction(signum: Signal, act: Hex, oldact: Hex, sigsetsize: Size);
    rt_sigprocmask(how: Choice(n::SIGNAL_HOW), set: Hex, oldset: Hex, sigsetsize: Size);
    rt_sigreturn();
    rt_sigtimedwait(set: Hex, info: Hex, timeout: Hex, sigsetsize: Size);
    sigaltstack(ss: Hex, old_ss: Hex);
    tgkill(tgid: Pid, tid: Pid, sig: Signal);
    wait4(pid: Pid, wstatus: Hex, options: Flags(n::WAIT), rusage: Hex) -> Pid;
    waitid(idtype: Int, id: Int, infop: Hex, options: Flags(n::WAIT), rusage: Hex);
    poll(fds: Hex, nfds: Size, timeout: Int);
    ppoll(fds: Hex, nfds: Size, tmo_p: Hex, sigmask: Hex, sigsetsize: Size);
    signalfd4(fd: Int, mask: Bits, sizemask: Size, flags: Bits) -> Fd;
    eventfd2(initval: Size, flags: Bits) -> Fd;
    memfd_create(name: Text, flags: Bits) -> Fd;
    getpid() -> Pid;
    getppid() -> Pid;
    gettid() -> Pid;
    getuid();
    geteuid();
    getgid();
    getegid();
    getcwd(buf: Output, size: Size);
    uname(buf: Hex);
    sysinfo(info: Hex);
    capget(hdrp: Hex, datap: Hex);
    setpgid(pid: Pid, pgid: Pid);
    getpgid(pid: Pid) -> Pid;
    sched_getaffinity(pid: Pid, cpusetsize: Size, mask: Bits);
    sched_setaffinity(pid: Pid, cpusetsize: Size, mask: Bits);
    sched_yield();
    nanosleep(req: Hex, rem: Hex);
    clock_nanosleep(clockid: Int, flags: Bits, request: Bits, remain: Hex);
    fsync(fd: Fd);
    flock(fd: Fd, operation: Bits);
}
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_system_call_and_stands_once() {
        for (index, signature) in SIGNATURES.iter().enumerate() {
            let name = signature.name;
            let known = syscalls::x86_64::Sysno::iter().any(|call| call.name() == name);
            assert!(known, "{name}");
            assert!(
                SIGNATURES[..index].iter().all(|other| other.name != name),
                "{name}"
            );
            assert!(signature.arguments.len() <= 6, "{name}");
        }
    }
}
