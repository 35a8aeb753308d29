//! The kernel's names for numbers.

/// Numbers and their names; for flags, what covers more bits stands first.
pub(crate) type Names = &'static [(u64, &'static str)];

/// Constants of `libc` under their own names; those that `libc` lacks, with their value from the kernel's headers.
macro_rules! names {
    ($($name:ident $(= $value:expr)?),* $(,)?) => {
        &[$((names!(@value $name $($value)?), stringify!($name))),*]
    };
    // Some are an i32 with the highest bit set, whose sign must not spread.
    (@value $name:ident) => { libc::$name as u32 as u64 };
    (@value $name:ident $value:expr) => { $value };
}

pub(crate) const CLONE: Names = names![
    CLONE_NEWNS,
    CLONE_NEWCGROUP,
    CLONE_NEWUTS,
    CLONE_NEWIPC,
    CLONE_NEWUSER,
    CLONE_NEWPID,
    CLONE_NEWNET,
    CLONE_NEWTIME = 0x80,
    CLONE_VM,
    CLONE_FS,
    CLONE_FILES,
    CLONE_SIGHAND,
    CLONE_PIDFD,
    CLONE_PTRACE,
    CLONE_VFORK,
    CLONE_PARENT,
    CLONE_THREAD,
    CLONE_SYSVSEM,
    CLONE_SETTLS,
    CLONE_PARENT_SETTID,
    CLONE_CHILD_CLEARTID,
    CLONE_UNTRACED,
    CLONE_CHILD_SETTID,
    CLONE_IO,
    CLONE_CLEAR_SIGHAND = 0x1_0000_0000,
    CLONE_INTO_CGROUP = 0x2_0000_0000,
];
pub(crate) const MOUNT: Names = names![
    MS_RDONLY,
    MS_NOSUID,
    MS_NODEV,
    MS_NOEXEC,
    MS_SYNCHRONOUS,
    MS_REMOUNT,
    MS_MANDLOCK,
    MS_DIRSYNC,
    MS_NOSYMFOLLOW = 256,
    MS_NOATIME,
    MS_NODIRATIME,
    MS_BIND,
    MS_MOVE,
    MS_REC,
    MS_SILENT,
    MS_POSIXACL,
    MS_UNBINDABLE,
    MS_PRIVATE,
    MS_SLAVE,
    MS_SHARED,
    MS_RELATIME,
    MS_KERNMOUNT,
    MS_I_VERSION,
    MS_STRICTATIME,
    MS_LAZYTIME,
];
pub(crate) const UMOUNT: Names = names![MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW];
pub(crate) const ATTRIBUTES: Names = names![
    MOUNT_ATTR_RDONLY = 1,
    MOUNT_ATTR_NOSUID = 2,
    MOUNT_ATTR_NODEV = 4,
    MOUNT_ATTR_NOEXEC = 8,
    MOUNT_ATTR_STRICTATIME = 0x20,
    MOUNT_ATTR_NOATIME = 0x10,
    MOUNT_ATTR_NODIRATIME = 0x80,
    MOUNT_ATTR_IDMAP = 0x10_0000,
    MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000,
];
pub(crate) const FSOPEN: Names = names![FSOPEN_CLOEXEC = 1];
pub(crate) const FSMOUNT: Names = names![FSMOUNT_CLOEXEC = 1];
pub(crate) const FSPICK: Names = names![
    FSPICK_CLOEXEC = 1,
    FSPICK_SYMLINK_NOFOLLOW = 2,
    FSPICK_NO_AUTOMOUNT = 4,
    FSPICK_EMPTY_PATH = 8,
];
pub(crate) const FSCONFIG: Names = names![
    FSCONFIG_SET_FLAG = 0,
    FSCONFIG_SET_STRING = 1,
    FSCONFIG_SET_BINARY = 2,
    FSCONFIG_SET_PATH = 3,
    FSCONFIG_SET_PATH_EMPTY = 4,
    FSCONFIG_SET_FD = 5,
    FSCONFIG_CMD_CREATE = 6,
    FSCONFIG_CMD_RECONFIGURE = 7,
    FSCONFIG_CMD_CREATE_EXCL = 8,
];
pub(crate) const OPEN_TREE: Names = names![
    OPEN_TREE_CLONE = 1,
    OPEN_TREE_CLOEXEC = 0o2_000_000,
    AT_EMPTY_PATH,
    AT_NO_AUTOMOUNT,
    AT_RECURSIVE = 0x8000,
    AT_SYMLINK_NOFOLLOW,
];
pub(crate) const MOVE_MOUNT: Names = names![
    MOVE_MOUNT_F_SYMLINKS = 1,
    MOVE_MOUNT_F_AUTOMOUNTS = 2,
    MOVE_MOUNT_F_EMPTY_PATH = 4,
    MOVE_MOUNT_T_SYMLINKS = 0x10,
    MOVE_MOUNT_T_AUTOMOUNTS = 0x20,
    MOVE_MOUNT_T_EMPTY_PATH = 0x40,
    MOVE_MOUNT_SET_GROUP = 0x100,
    MOVE_MOUNT_BENEATH = 0x200,
];
pub(crate) const AT: Names = names![
    AT_SYMLINK_NOFOLLOW,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    AT_NO_AUTOMOUNT,
    AT_EMPTY_PATH,
    AT_RECURSIVE = 0x8000,
];
/// For newfstatat and the like, where 0x200 is not AT_REMOVEDIR but AT_EACCESS or nothing.
pub(crate) const AT_STAT: Names = names![
    AT_SYMLINK_NOFOLLOW,
    AT_SYMLINK_FOLLOW,
    AT_NO_AUTOMOUNT,
    AT_EMPTY_PATH
];
pub(crate) const AT_ACCESS: Names = names![AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH];
pub(crate) const RESOLVE: Names = names![
    RESOLVE_NO_XDEV = 1,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_NO_SYMLINKS = 4,
    RESOLVE_BENEATH = 8,
    RESOLVE_IN_ROOT = 0x10,
    RESOLVE_CACHED = 0x20,
];
/// Without the access mode, whose O_RDONLY is 0.
pub(crate) const OPEN: Names = names![
    O_TMPFILE,
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_DSYNC,
    O_ASYNC,
    O_DIRECT,
    O_LARGEFILE = 0o100_000,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
];
pub(crate) const ACCESS: Names = names![R_OK, W_OK, X_OK];
pub(crate) const CLOSE_RANGE: Names = names![CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4];
pub(crate) const PRCTL: Names = names![
    PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE,
    PR_SET_DUMPABLE,
    PR_GET_KEEPCAPS,
    PR_SET_KEEPCAPS,
    PR_SET_NAME,
    PR_GET_NAME,
    PR_GET_SECCOMP,
    PR_SET_SECCOMP,
    PR_CAPBSET_READ,
    PR_CAPBSET_DROP,
    PR_GET_SECUREBITS,
    PR_SET_SECUREBITS,
    PR_SET_MM,
    PR_SET_CHILD_SUBREAPER,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_CAP_AMBIENT,
    PR_SET_PTRACER,
    PR_SET_VMA = 0x5356_4d41,
];
pub(crate) const SECCOMP: Names = names![
    SECCOMP_SET_MODE_STRICT = 0,
    SECCOMP_SET_MODE_FILTER = 1,
    SECCOMP_GET_ACTION_AVAIL = 2,
    SECCOMP_GET_NOTIF_SIZES = 3,
];
pub(crate) const SECCOMP_FLAGS: Names = names![
    SECCOMP_FILTER_FLAG_TSYNC = 1,
    SECCOMP_FILTER_FLAG_LOG = 2,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4,
    SECCOMP_FILTER_FLAG_NEW_LISTENER = 8,
];
pub(crate) const BPF: Names = names![
    BPF_MAP_CREATE = 0,
    BPF_MAP_LOOKUP_ELEM = 1,
    BPF_MAP_UPDATE_ELEM = 2,
    BPF_MAP_DELETE_ELEM = 3,
    BPF_PROG_LOAD = 5,
    BPF_OBJ_PIN = 6,
    BPF_OBJ_GET = 7,
    BPF_PROG_ATTACH = 8,
    BPF_PROG_DETACH = 9,
    BPF_PROG_TEST_RUN = 10,
    BPF_OBJ_GET_INFO_BY_FD = 15,
    BPF_PROG_QUERY = 16,
    BPF_BTF_LOAD = 18,
    BPF_LINK_CREATE = 28,
];
pub(crate) const BPF_TYPES: Names = names![
    BPF_PROG_TYPE_SOCKET_FILTER = 1,
    BPF_PROG_TYPE_KPROBE = 2,
    BPF_PROG_TYPE_SCHED_CLS = 3,
    BPF_PROG_TYPE_XDP = 6,
    BPF_PROG_TYPE_CGROUP_SKB = 8,
    BPF_PROG_TYPE_CGROUP_SOCK = 9,
    BPF_PROG_TYPE_CGROUP_DEVICE = 15,
];
pub(crate) const BPF_ATTACH: Names = names![
    BPF_CGROUP_INET_INGRESS = 0,
    BPF_CGROUP_INET_EGRESS = 1,
    BPF_CGROUP_DEVICE = 6,
];
pub(crate) const IOCTL: Names = names![
    NS_GET_USERNS = 0xb701,
    NS_GET_PARENT = 0xb702,
    NS_GET_NSTYPE = 0xb703,
    NS_GET_OWNER_UID = 0xb704,
    TIOCSCTTY,
    TIOCNOTTY,
    TIOCGPTN,
    TIOCSPTLCK,
    TIOCGPTPEER,
    TIOCGWINSZ,
    TIOCSWINSZ,
    TCGETS,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCSTI,
    SIOCGIFFLAGS,
    SIOCSIFFLAGS,
    SIOCSIFADDR,
    FIONREAD,
    FIOCLEX,
    LOOP_CTL_GET_FREE = 0x4c82,
    FICLONE = 0x4004_9409,
];
pub(crate) const FAMILY: Names = names![
    AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK
];
pub(crate) const SOCKET_TYPE: Names = names![SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET,];
pub(crate) const SOCKET_FLAGS: Names = names![SOCK_CLOEXEC, SOCK_NONBLOCK];
pub(crate) const MESSAGE: Names = names![
    MSG_OOB,
    MSG_PEEK,
    MSG_DONTROUTE,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_WAITALL,
    MSG_NOSIGNAL,
    MSG_CMSG_CLOEXEC,
    MSG_TRUNC,
];
pub(crate) const PROTECTION: Names = names![PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN];
pub(crate) const MAP: Names = names![
    MAP_SHARED_VALIDATE,
    MAP_SHARED,
    MAP_PRIVATE,
    MAP_FIXED,
    MAP_ANONYMOUS,
    MAP_GROWSDOWN,
    MAP_DENYWRITE,
    MAP_LOCKED,
    MAP_NORESERVE,
    MAP_POPULATE,
    MAP_NONBLOCK,
    MAP_STACK,
    MAP_HUGETLB,
    MAP_FIXED_NOREPLACE,
];
pub(crate) const FCNTL: Names = names![
    F_DUPFD,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_DUPFD_CLOEXEC,
    F_SETPIPE_SZ,
    F_GETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
];
pub(crate) const WAIT: Names = names![
    WNOHANG,
    WUNTRACED,
    WCONTINUED,
    WNOWAIT,
    WEXITED,
    __WALL,
    __WCLONE,
    __WNOTHREAD
];
pub(crate) const RESOURCE: Names = names![
    RLIMIT_CPU = 0,
    RLIMIT_FSIZE = 1,
    RLIMIT_DATA = 2,
    RLIMIT_STACK = 3,
    RLIMIT_CORE = 4,
    RLIMIT_RSS = 5,
    RLIMIT_NPROC = 6,
    RLIMIT_NOFILE = 7,
    RLIMIT_MEMLOCK = 8,
    RLIMIT_AS = 9,
    RLIMIT_LOCKS = 10,
    RLIMIT_SIGPENDING = 11,
    RLIMIT_MSGQUEUE = 12,
    RLIMIT_NICE = 13,
    RLIMIT_RTPRIO = 14,
    RLIMIT_RTTIME = 15,
];
pub(crate) const SIGNAL_HOW: Names = names![SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2];
pub(crate) const FILE_TYPE: Names = names![S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFREG, S_IFDIR];
pub(crate) const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The name of one value, or its number.
pub(crate) fn choice(names: Names, value: u64) -> String {
    match names.iter().find(|(number, _)| *number == value) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("{value:#x}"),
    }
}

/// The flags that are set, joined with `|`; what has no name, as a number.
pub(crate) fn flags(names: Names, value: u64) -> String {
    let mut rest = value;
    let mut set = Vec::new();
    for (bits, name) in names {
        if *bits != 0 && rest & bits == *bits {
            set.push((*name).to_owned());
            rest &= !bits;
        }
    }
    if rest != 0 || set.is_empty() {
        set.push(match rest {
            0 => "0".to_owned(),
            _ => format!("{rest:#x}"),
        });
    }
    set.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_and_the_rest_is_a_number() {
        assert_eq!(flags(MOUNT, 0), "0");
        assert_eq!(
            flags(MOUNT, libc::MS_REC | libc::MS_PRIVATE),
            "MS_REC|MS_PRIVATE"
        );
        assert_eq!(flags(UMOUNT, 2 | 0x100), "MNT_DETACH|0x100");
        assert_eq!(flags(CLONE, 0x2_0002_0000), "CLONE_NEWNS|CLONE_INTO_CGROUP");
    }

    #[test]
    fn no_flag_has_a_sign_that_spread() {
        for names in [CLONE, MOUNT, OPEN, MAP, WAIT] {
            for (value, name) in names {
                assert!(*value < 1 << 34, "{name} is {value:#x}");
            }
        }
    }
}
