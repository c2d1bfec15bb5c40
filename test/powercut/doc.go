// Package powercut mounts a folder that can lose its power, fill up, or fail to sync, so that tests can run a real
// server process on a disk that breaks the way disks do. It needs Linux, root and /dev/fuse; see Available.
//
// # What is durable
//
// Everything written through the mount is held in memory. The backing folder changes only at Cut, CutSome and Unmount,
// and then shows exactly what a machine would find after the event:
//
//   - The content and the size of a file are durable once fsync or fdatasync of that file has answered without an error.
//   - A name (create, mkdir, rename, unlink, link) is durable once the *directory* has been fsynced. Fsync of the file
//     alone keeps its content, not its name: this is what POSIX promises, and stricter than ext4. A rename between two
//     directories is one step, made durable by the fsync of either. So a server that makes its data folder inside
//     the mount must fsync the parent, or be given a folder that was there (or was synced) before.
//   - Mode, owner and times are durable at once. Owner, links to the outside and extended attributes are not kept.
//   - What is in the backing folder at Mount is durable. A clean Unmount writes everything, as shutting down does.
//   - sync(2) and syncfs(2) do nothing here: Linux does not tell a FUSE file system about them.
//
// Cut keeps nothing else. CutSome also keeps, by a seed, some of the rest, as a disk that writes back when it likes:
// any subset of the unsynced 4 KiB pages (a page may be torn between two sectors of 512 bytes), and a prefix of the
// unsynced changes of names (file systems keep these in a journal).
//
// After a cut every operation of a process that still runs fails with EIO, reads of cached pages too, except on files whose
// name ends in "-shm". Those are SQLite's shared memory: they are mapped by the processes, their content means
// nothing after a crash, and a mapped page that cannot be read would kill the process with SIGBUS before it could report
// its error. A "-shm" is never durable and not counted.
//
// # What the caller must know
//
// The database under test has to live in a process of its own. A Go process that maps a file of a mount which it
// serves itself can stop for ever: a page fault cannot be preempted, so the garbage collector waits for the very
// goroutine that would answer the fault. Looking at the backing folder after a cut is always safe.
package powercut
