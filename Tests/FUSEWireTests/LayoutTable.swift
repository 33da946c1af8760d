// SPDX-License-Identifier: MIT

import FUSEWire

/// A field: its C name, where and how large it is on the Swift side, and the minor that brought it or named it so.
struct Field<Root> {
    let name: String
    let offset: Int?
    let size: Int
    let since: Int

    init<Value>(_ name: String, _ path: KeyPath<Root, Value>, since: Int = 31) {
        self.name = name
        self.offset = MemoryLayout<Root>.offset(of: path)
        self.size = MemoryLayout<Value>.size
        self.since = since
    }
}

/// A structure: its C name, its layout on the Swift side, its size in bytes in minor 45, and the minor that brought it
/// or gave it this size (or one more, as in `Constant`).
struct Layout {
    let name: String
    let size: Int
    let expectedSize: Int
    let since: Int
    let fields: [(name: String, offset: Int?, size: Int, since: Int)]

    init<T: WireStruct>(_ name: String, _: T.Type, _ expectedSize: Int, since: Int = 31, _ fields: [Field<T>]) {
        self.name = name
        self.size = MemoryLayout<T>.size
        self.expectedSize = expectedSize
        self.since = since
        self.fields = fields.map { ($0.name, $0.offset, $0.size, Swift.max($0.since, since)) }
    }
}

/// Every structure of the ABI. The one list that the tests hold against each header and against itself.
let layouts: [Layout] = [
    Layout("fuse_in_header", InHeader.self, 40, [
        Field("len", \.len), Field("opcode", \.opcode), Field("unique", \.unique), Field("nodeid", \.nodeid),
        Field("uid", \.uid), Field("gid", \.gid), Field("pid", \.pid),
        Field("total_extlen", \.total_extlen, since: 38), Field("padding", \.padding, since: 38),
    ]),
    Layout("fuse_out_header", OutHeader.self, 16, [
        Field("len", \.len), Field("error", \.error), Field("unique", \.unique),
    ]),
    Layout("fuse_init_in", InitIn.self, 64, since: 36, [
        Field("major", \.major), Field("minor", \.minor), Field("max_readahead", \.max_readahead),
        Field("flags", \.flags), Field("flags2", \.flags2), Field("unused", \.unused),
    ]),
    Layout("fuse_init_out", InitOut.self, 64, [
        Field("major", \.major), Field("minor", \.minor), Field("max_readahead", \.max_readahead),
        Field("flags", \.flags), Field("max_background", \.max_background),
        Field("congestion_threshold", \.congestion_threshold), Field("max_write", \.max_write),
        Field("time_gran", \.time_gran), Field("max_pages", \.max_pages), Field("map_alignment", \.map_alignment),
        Field("flags2", \.flags2, since: 36), Field("max_stack_depth", \.max_stack_depth, since: 40),
        Field("request_timeout", \.request_timeout, since: 43), Field("unused", \.unused, since: 43),
    ]),
    Layout("cuse_init_in", CuseInitIn.self, 16, [
        Field("major", \.major), Field("minor", \.minor), Field("unused", \.unused), Field("flags", \.flags),
    ]),
    Layout("cuse_init_out", CuseInitOut.self, 72, [
        Field("major", \.major), Field("minor", \.minor), Field("unused", \.unused), Field("flags", \.flags),
        Field("max_read", \.max_read), Field("max_write", \.max_write), Field("dev_major", \.dev_major),
        Field("dev_minor", \.dev_minor), Field("spare", \.spare),
    ]),
    Layout("fuse_attr", Attr.self, 88, [
        Field("ino", \.ino), Field("size", \.size), Field("blocks", \.blocks), Field("atime", \.atime),
        Field("mtime", \.mtime), Field("ctime", \.ctime), Field("atimensec", \.atimensec),
        Field("mtimensec", \.mtimensec), Field("ctimensec", \.ctimensec), Field("mode", \.mode),
        Field("nlink", \.nlink), Field("uid", \.uid), Field("gid", \.gid), Field("rdev", \.rdev),
        Field("blksize", \.blksize), Field("flags", \.flags, since: 32),
    ]),
    Layout("fuse_getattr_in", GetattrIn.self, 16, [
        Field("getattr_flags", \.getattr_flags), Field("dummy", \.dummy), Field("fh", \.fh),
    ]),
    Layout("fuse_attr_out", AttrOut.self, 104, [
        Field("attr_valid", \.attr_valid), Field("attr_valid_nsec", \.attr_valid_nsec), Field("dummy", \.dummy),
        Field("attr", \.attr),
    ]),
    Layout("fuse_setattr_in", SetattrIn.self, 88, [
        Field("valid", \.valid), Field("padding", \.padding), Field("fh", \.fh), Field("size", \.size),
        Field("lock_owner", \.lock_owner), Field("atime", \.atime), Field("mtime", \.mtime), Field("ctime", \.ctime),
        Field("atimensec", \.atimensec), Field("mtimensec", \.mtimensec), Field("ctimensec", \.ctimensec),
        Field("mode", \.mode), Field("unused4", \.unused4), Field("uid", \.uid), Field("gid", \.gid),
        Field("unused5", \.unused5),
    ]),
    Layout("fuse_sx_time", SxTime.self, 16, since: 39, [
        Field("tv_sec", \.tv_sec), Field("tv_nsec", \.tv_nsec), Field("__reserved", \.__reserved),
    ]),
    Layout("fuse_statx", Statx.self, 256, since: 39, [
        Field("mask", \.mask), Field("blksize", \.blksize), Field("attributes", \.attributes),
        Field("nlink", \.nlink), Field("uid", \.uid), Field("gid", \.gid), Field("mode", \.mode),
        Field("__spare0", \.__spare0), Field("ino", \.ino), Field("size", \.size), Field("blocks", \.blocks),
        Field("attributes_mask", \.attributes_mask), Field("atime", \.atime), Field("btime", \.btime),
        Field("ctime", \.ctime), Field("mtime", \.mtime), Field("rdev_major", \.rdev_major),
        Field("rdev_minor", \.rdev_minor), Field("dev_major", \.dev_major), Field("dev_minor", \.dev_minor),
        Field("__spare2", \.__spare2),
    ]),
    Layout("fuse_statx_in", StatxIn.self, 24, since: 39, [
        Field("getattr_flags", \.getattr_flags), Field("reserved", \.reserved), Field("fh", \.fh),
        Field("sx_flags", \.sx_flags), Field("sx_mask", \.sx_mask),
    ]),
    Layout("fuse_statx_out", StatxOut.self, 288, since: 39, [
        Field("attr_valid", \.attr_valid), Field("attr_valid_nsec", \.attr_valid_nsec), Field("flags", \.flags),
        Field("spare", \.spare), Field("stat", \.stat),
    ]),
    Layout("fuse_access_in", AccessIn.self, 8, [Field("mask", \.mask), Field("padding", \.padding)]),
    Layout("fuse_kstatfs", Kstatfs.self, 80, [
        Field("blocks", \.blocks), Field("bfree", \.bfree), Field("bavail", \.bavail), Field("files", \.files),
        Field("ffree", \.ffree), Field("bsize", \.bsize), Field("namelen", \.namelen), Field("frsize", \.frsize),
        Field("padding", \.padding), Field("spare", \.spare),
    ]),
    Layout("fuse_statfs_out", StatfsOut.self, 80, [Field("st", \.st)]),
    Layout("fuse_entry_out", EntryOut.self, 128, [
        Field("nodeid", \.nodeid), Field("generation", \.generation), Field("entry_valid", \.entry_valid),
        Field("attr_valid", \.attr_valid), Field("entry_valid_nsec", \.entry_valid_nsec),
        Field("attr_valid_nsec", \.attr_valid_nsec), Field("attr", \.attr),
    ]),
    Layout("fuse_forget_in", ForgetIn.self, 8, [Field("nlookup", \.nlookup)]),
    Layout("fuse_forget_one", ForgetOne.self, 16, [Field("nodeid", \.nodeid), Field("nlookup", \.nlookup)]),
    Layout("fuse_batch_forget_in", BatchForgetIn.self, 8, [Field("count", \.count), Field("dummy", \.dummy)]),
    Layout("fuse_mknod_in", MknodIn.self, 16, [
        Field("mode", \.mode), Field("rdev", \.rdev), Field("umask", \.umask), Field("padding", \.padding),
    ]),
    Layout("fuse_mkdir_in", MkdirIn.self, 8, [Field("mode", \.mode), Field("umask", \.umask)]),
    Layout("fuse_rename_in", RenameIn.self, 8, [Field("newdir", \.newdir)]),
    Layout("fuse_rename2_in", Rename2In.self, 16, [
        Field("newdir", \.newdir), Field("flags", \.flags), Field("padding", \.padding),
    ]),
    Layout("fuse_link_in", LinkIn.self, 8, [Field("oldnodeid", \.oldnodeid)]),
    Layout("fuse_open_in", OpenIn.self, 8, [Field("flags", \.flags), Field("open_flags", \.open_flags, since: 33)]),
    Layout("fuse_create_in", CreateIn.self, 16, [
        Field("flags", \.flags), Field("mode", \.mode), Field("umask", \.umask),
        Field("open_flags", \.open_flags, since: 33),
    ]),
    Layout("fuse_open_out", OpenOut.self, 16, [
        Field("fh", \.fh), Field("open_flags", \.open_flags), Field("backing_id", \.backing_id, since: 40),
    ]),
    Layout("fuse_release_in", ReleaseIn.self, 24, [
        Field("fh", \.fh), Field("flags", \.flags), Field("release_flags", \.release_flags),
        Field("lock_owner", \.lock_owner),
    ]),
    Layout("fuse_flush_in", FlushIn.self, 24, [
        Field("fh", \.fh), Field("unused", \.unused), Field("padding", \.padding), Field("lock_owner", \.lock_owner),
    ]),
    Layout("fuse_fsync_in", FsyncIn.self, 16, [
        Field("fh", \.fh), Field("fsync_flags", \.fsync_flags), Field("padding", \.padding),
    ]),
    Layout("fuse_syncfs_in", SyncfsIn.self, 8, since: 34, [Field("padding", \.padding)]),
    Layout("fuse_read_in", ReadIn.self, 40, [
        Field("fh", \.fh), Field("offset", \.offset), Field("size", \.size), Field("read_flags", \.read_flags),
        Field("lock_owner", \.lock_owner), Field("flags", \.flags), Field("padding", \.padding),
    ]),
    Layout("fuse_write_in", WriteIn.self, 40, [
        Field("fh", \.fh), Field("offset", \.offset), Field("size", \.size), Field("write_flags", \.write_flags),
        Field("lock_owner", \.lock_owner), Field("flags", \.flags), Field("padding", \.padding),
    ]),
    Layout("fuse_write_out", WriteOut.self, 8, [Field("size", \.size), Field("padding", \.padding)]),
    Layout("fuse_fallocate_in", FallocateIn.self, 32, [
        Field("fh", \.fh), Field("offset", \.offset), Field("length", \.length), Field("mode", \.mode),
        Field("padding", \.padding),
    ]),
    Layout("fuse_lseek_in", LseekIn.self, 24, [
        Field("fh", \.fh), Field("offset", \.offset), Field("whence", \.whence), Field("padding", \.padding),
    ]),
    Layout("fuse_lseek_out", LseekOut.self, 8, [Field("offset", \.offset)]),
    Layout("fuse_copy_file_range_in", CopyFileRangeIn.self, 56, [
        Field("fh_in", \.fh_in), Field("off_in", \.off_in), Field("nodeid_out", \.nodeid_out),
        Field("fh_out", \.fh_out), Field("off_out", \.off_out), Field("len", \.len), Field("flags", \.flags),
    ]),
    Layout("fuse_copy_file_range_out", CopyFileRangeOut.self, 8, since: 45, [Field("bytes_copied", \.bytes_copied)]),
    Layout("fuse_bmap_in", BmapIn.self, 16, [
        Field("block", \.block), Field("blocksize", \.blocksize), Field("padding", \.padding),
    ]),
    Layout("fuse_bmap_out", BmapOut.self, 8, [Field("block", \.block)]),
    Layout("fuse_interrupt_in", InterruptIn.self, 8, [Field("unique", \.unique)]),
    Layout("fuse_file_lock", FuseFileLock.self, 24, [
        Field("start", \.start), Field("end", \.end), Field("type", \.type), Field("pid", \.pid),
    ]),
    Layout("fuse_lk_in", LkIn.self, 48, [
        Field("fh", \.fh), Field("owner", \.owner), Field("lk", \.lk), Field("lk_flags", \.lk_flags),
        Field("padding", \.padding),
    ]),
    Layout("fuse_lk_out", LkOut.self, 24, [Field("lk", \.lk)]),
    Layout("fuse_dirent", Dirent.self, 24, [
        Field("ino", \.ino), Field("off", \.off), Field("namelen", \.namelen), Field("type", \.type),
    ]),
    Layout("fuse_direntplus", Direntplus.self, 152, [Field("entry_out", \.entry_out), Field("dirent", \.dirent)]),
    Layout("fuse_setxattr_in", SetxattrIn.self, 16, since: 33, [
        Field("size", \.size), Field("flags", \.flags), Field("setxattr_flags", \.setxattr_flags),
        Field("padding", \.padding),
    ]),
    Layout("fuse_getxattr_in", GetxattrIn.self, 8, [Field("size", \.size), Field("padding", \.padding)]),
    Layout("fuse_getxattr_out", GetxattrOut.self, 8, [Field("size", \.size), Field("padding", \.padding)]),
    Layout("fuse_ioctl_in", IoctlIn.self, 32, [
        Field("fh", \.fh), Field("flags", \.flags), Field("cmd", \.cmd), Field("arg", \.arg),
        Field("in_size", \.in_size), Field("out_size", \.out_size),
    ]),
    Layout("fuse_ioctl_iovec", IoctlIovec.self, 16, [Field("base", \.base), Field("len", \.len)]),
    Layout("fuse_ioctl_out", IoctlOut.self, 16, [
        Field("result", \.result), Field("flags", \.flags), Field("in_iovs", \.in_iovs),
        Field("out_iovs", \.out_iovs),
    ]),
    Layout("fuse_poll_in", PollIn.self, 24, [
        Field("fh", \.fh), Field("kh", \.kh), Field("flags", \.flags), Field("events", \.events),
    ]),
    Layout("fuse_poll_out", PollOut.self, 8, [Field("revents", \.revents), Field("padding", \.padding)]),
    Layout("fuse_notify_poll_wakeup_out", NotifyPollWakeupOut.self, 8, [Field("kh", \.kh)]),
    Layout("fuse_notify_inval_inode_out", NotifyInvalInodeOut.self, 24, [
        Field("ino", \.ino), Field("off", \.off), Field("len", \.len),
    ]),
    Layout("fuse_notify_inval_entry_out", NotifyInvalEntryOut.self, 16, [
        Field("parent", \.parent), Field("namelen", \.namelen), Field("flags", \.flags, since: 38),
    ]),
    Layout("fuse_notify_delete_out", NotifyDeleteOut.self, 24, [
        Field("parent", \.parent), Field("child", \.child), Field("namelen", \.namelen), Field("padding", \.padding),
    ]),
    Layout("fuse_notify_store_out", NotifyStoreOut.self, 24, [
        Field("nodeid", \.nodeid), Field("offset", \.offset), Field("size", \.size), Field("padding", \.padding),
    ]),
    Layout("fuse_notify_retrieve_out", NotifyRetrieveOut.self, 32, [
        Field("notify_unique", \.notify_unique), Field("nodeid", \.nodeid), Field("offset", \.offset),
        Field("size", \.size), Field("padding", \.padding),
    ]),
    Layout("fuse_notify_retrieve_in", NotifyRetrieveIn.self, 40, [
        Field("dummy1", \.dummy1), Field("offset", \.offset), Field("size", \.size), Field("dummy2", \.dummy2),
        Field("dummy3", \.dummy3), Field("dummy4", \.dummy4),
    ]),
    Layout("fuse_notify_prune_out", NotifyPruneOut.self, 16, since: 45, [
        Field("count", \.count), Field("padding", \.padding), Field("spare", \.spare),
    ]),
    Layout("fuse_ext_header", ExtHeader.self, 8, since: 38, [Field("size", \.size), Field("type", \.type)]),
    Layout("fuse_secctx_header", SecctxHeader.self, 8, since: 36, [
        Field("size", \.size), Field("nr_secctx", \.nr_secctx),
    ]),
    Layout("fuse_secctx", Secctx.self, 8, since: 36, [Field("size", \.size), Field("padding", \.padding)]),
    Layout("fuse_supp_groups", SuppGroups.self, 4, since: 39, [Field("nr_groups", \.nr_groups)]),
    Layout("fuse_backing_map", BackingMap.self, 16, since: 40, [
        Field("fd", \.fd), Field("flags", \.flags), Field("padding", \.id),
    ]),
    Layout("fuse_setupmapping_in", SetupmappingIn.self, 40, [
        Field("fh", \.fh), Field("foffset", \.foffset), Field("len", \.len), Field("flags", \.flags),
        Field("moffset", \.moffset),
    ]),
    Layout("fuse_removemapping_in", RemovemappingIn.self, 4, [Field("count", \.count)]),
    Layout("fuse_removemapping_one", RemovemappingOne.self, 16, [Field("moffset", \.moffset), Field("len", \.len)]),
    Layout("fuse_uring_ent_in_out", UringEntInOut.self, 32, since: 42, [
        Field("flags", \.flags), Field("commit_id", \.commit_id), Field("payload_sz", \.payload_sz),
        Field("padding", \.padding), Field("reserved", \.reserved),
    ]),
    Layout("fuse_uring_req_header", UringReqHeader.self, 288, since: 42, [
        Field("in_out", \.in_out), Field("op_in", \.op_in), Field("ring_ent_in_out", \.ring_ent_in_out),
    ]),
    Layout("fuse_uring_cmd_req", UringCmdReq.self, 24, since: 42, [
        Field("flags", \.flags), Field("commit_id", \.commit_id), Field("qid", \.qid), Field("padding", \.padding),
    ]),
]
