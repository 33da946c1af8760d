// SPDX-License-Identifier: MIT

import Foundation

/// What a trace says of each row of `Dispatched.all`: its request, and its reply. What all have in common is left out: the
/// request's name, the caller, and how long it took.
let tracedDispatches: [String] = {
    let attr = """
        ino=77 mode=0100600 \
        nlink=2 uid=1000 gid=100 rdev=2748:74565 size=1025 blocks=3 blksize=8192 \
        atime=10.000000011 mtime=-20.000000021 ctime=30.000000031
        """
    let entry = """
        nodeid=39168 generation=3 entry_valid=4.000000005 attr_valid=6.000000007 \
        ino=88 mode=0100600 nlink=2 uid=1000 gid=100 rdev=2748:74565 size=1025 blocks=3 blksize=8192 \
        atime=10.000000011 mtime=-20.000000021 ctime=30.000000031
        """
    return #"""
        > LOOKUP nodeid=7 name="a name"
        < LOOKUP {entry}
        > GETATTR nodeid=7
        < GETATTR attr_valid=8.000000009 {attr}
        > GETATTR nodeid=7 fh=5
        < GETATTR attr_valid=8.000000009 {attr}
        > STATX nodeid=7 fh=5 sx_mask=BTIME
        < STATX attr_valid=8.000000009 mask=BASIC_STATS|BTIME ino=77 mode=0100600 nlink=2 uid=1000 gid=100 rdev=2748:74565 size=1025 blocks=3 blksize=8192 atime=10.000000011 btime=-40.000000041 mtime=-20.000000021 ctime=30.000000031
        > SETATTR nodeid=7 valid=SIZE|FH fh=5 size=6
        < SETATTR attr_valid=8.000000009 {attr}
        > READLINK nodeid=7
        < READLINK target="../target"
        > MKNOD nodeid=7 name="a name" mode=020640 umask=027 rdev=837:4711
        < MKNOD {entry 020600}
        > MKDIR nodeid=7 name="a name" mode=041755 umask=022
        < MKDIR {entry 040600}
        > SYMLINK nodeid=7 name="a name" target="/any/../target"
        < SYMLINK {entry 0120600}
        > UNLINK nodeid=7 name="a name"
        < UNLINK
        > RMDIR nodeid=7 name="a name"
        < RMDIR
        > RENAME nodeid=7 name="from" newdir=9 newname="towards"
        < RENAME
        > RENAME2 nodeid=7 name="from" newdir=9 newname="towards" flags=RENAME_EXCHANGE
        < RENAME2
        > LINK nodeid=7 oldnodeid=12 name="a name"
        < LINK {entry}
        > ACCESS nodeid=7 mask=R_OK|X_OK
        < ACCESS
        > STATFS nodeid=7
        < STATFS blocks=1 bfree=2 bavail=3 files=4 ffree=5 bsize=6 namelen=7 frsize=8
        > OPEN nodeid=7 flags=O_RDWR|O_TRUNC open_flags=KILL_SUIDGID
        < OPEN fh=16962
        > CREATE nodeid=7 name="a name" flags=O_RDWR|O_CREAT mode=0100644 umask=022
        < CREATE {entry} fh=16962
        > TMPFILE nodeid=7 flags=O_RDWR mode=0100600 umask=0 open_flags=KILL_SUIDGID
        < TMPFILE {entry} fh=16962
        > READ nodeid=7 fh=5 offset=1099511627776 size=4096 flags=O_RDONLY
        < READ size=9
        > READ nodeid=7 fh=5 offset=0 size=4 flags=O_RDONLY
        < READ size=4
        > READ nodeid=7 fh=5 offset=0 size=0 flags=O_RDONLY
        < READ size=0
        > WRITE nodeid=7 fh=5 offset=6 size=4 flags=O_RDONLY write_flags=CACHE|KILL_SUIDGID
        < WRITE size=4
        > WRITE nodeid=7 fh=5 offset=0 size=0 flags=O_RDONLY write_flags=LOCKOWNER lock_owner=0
        < WRITE size=0
        > WRITE nodeid=7 fh=5 offset=0 size=0 flags=O_WRONLY|O_DSYNC
        < WRITE size=0
        > WRITE nodeid=7 fh=5 offset=0 size=0 flags=O_WRONLY|O_SYNC
        < WRITE size=0
        > WRITE nodeid=7 fh=5 offset=0 size=0 flags=O_WRONLY|O_APPEND|O_DSYNC
        < WRITE size=0
        > WRITE nodeid=7 fh=5 offset=0 size=2 flags=O_RDONLY
        < WRITE size=2
        > FLUSH nodeid=7 fh=5 lock_owner=6
        < FLUSH
        > RELEASE nodeid=7 fh=5 flags=O_RDWR
        < RELEASE
        > FSYNC nodeid=7 fh=5
        < FSYNC
        > FSYNC nodeid=7 fh=5 fsync_flags=FDATASYNC
        < FSYNC
        > FALLOCATE nodeid=7 fh=5 offset=1 length=2 mode=KEEP_SIZE|PUNCH_HOLE
        < FALLOCATE
        > LSEEK nodeid=7 fh=5 offset=9 whence=SEEK_DATA
        < LSEEK offset=4096
        > COPY_FILE_RANGE nodeid=7 fh_in=1 off_in=2 nodeid_out=3 fh_out=4 off_out=5 len=6 flags=7
        < COPY_FILE_RANGE size=6
        > COPY_FILE_RANGE nodeid=7 fh_in=0 off_in=0 nodeid_out=0 fh_out=0 off_out=0 len=1099511627776
        < COPY_FILE_RANGE size=1073741824
        > COPY_FILE_RANGE_64 nodeid=7 fh_in=0 off_in=0 nodeid_out=0 fh_out=0 off_out=0 len=1099511627776
        < COPY_FILE_RANGE_64 bytes_copied=1099511627776
        > OPENDIR nodeid=7 flags=O_RDONLY|O_DIRECTORY
        < OPENDIR fh=17219 open_flags=CACHE_DIR
        > READDIR nodeid=7 fh=5 offset=6 size=512
        < READDIR size=32 entries=1
        > READDIRPLUS nodeid=7 fh=5 offset=6 size=512
        < READDIRPLUS size=160 entries=1
        > RELEASEDIR nodeid=7 fh=5 flags=O_RDONLY
        < RELEASEDIR
        > FSYNCDIR nodeid=7 fh=5 fsync_flags=FDATASYNC
        < FSYNCDIR
        > SYNCFS nodeid=7
        < SYNCFS
        > GETXATTR nodeid=7 name="user.x" size=64
        < GETXATTR size=5
        > GETXATTR nodeid=7 name="user.x" size=0
        < GETXATTR size=5
        > LISTXATTR nodeid=7 size=64
        < LISTXATTR size=14
        > LISTXATTR nodeid=7 size=0
        < LISTXATTR size=14
        > SETXATTR nodeid=7 name="user.x" size=5 flags=XATTR_REPLACE
        < SETXATTR
        > REMOVEXATTR nodeid=7 name="user.x"
        < REMOVEXATTR
        > REMOVEXATTR nodeid=7 name="user./.."
        < REMOVEXATTR
        > GETLK nodeid=7 fh=5 owner=6 type=F_WRLCK start=7 end=8 pid=9
        < GETLK type=F_RDLCK start=1 end=2 pid=3
        > GETLK nodeid=7 fh=5 owner=6 type=F_RDLCK start=7 end=8 pid=9
        < GETLK type=F_UNLCK start=0 end=0 pid=0
        > SETLK nodeid=7 fh=5 owner=6 type=F_UNLCK start=0 end=8 pid=0 lk_flags=FLOCK
        < SETLK
        > SETLKW nodeid=7 fh=5 owner=6 type=F_WRLCK start=0 end=8 pid=0
        < SETLKW
        > POLL nodeid=7 fh=5 kh=6 events=POLLIN|POLLRDNORM
        < POLL revents=POLLIN
        > POLL nodeid=7 fh=5 kh=6 flags=SCHEDULE_NOTIFY events=POLLOUT
        < POLL revents=POLLIN
        > IOCTL nodeid=7 fh=5 flags=COMPAT|DIR cmd=0x6 arg=0x7 in_size=4 out_size=4
        < IOCTL result=5 size=4
        > IOCTL nodeid=7 fh=5 cmd=0x0 arg=0x0 in_size=0 out_size=0
        < IOCTL result=5 size=0
        """#
        .split(separator: "\n")
        .map { (line: Substring) -> String in
            // What is made is of the type that was asked for.
            ["020600", "040600", "0120600"].reduce(String(line)) {
                $0.replacingOccurrences(of: "{entry \($1)}", with: entry.replacingOccurrences(of: "mode=0100600", with: "mode=\($1)"))
            }
        }
        .map { $0.replacingOccurrences(of: "{entry}", with: entry).replacingOccurrences(of: "{attr}", with: attr) }
}()
