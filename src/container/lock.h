/* lock.h – one writer at a time: FILE.lock, held with flock by the writer, with host, pid and purpose in it for the one who is refused.
 * The file is removed on release; one that a crash left behind is not held by anybody and is taken over. */
#ifndef C5_CONTAINER_LOCK_H
#define C5_CONTAINER_LOCK_H

typedef struct c5_lock c5_lock;

/* C5_EBUSY names the holder. */
int c5_lock_take(c5_lock **out, const char *container, const char *purpose);
void c5_lock_release(c5_lock *lock);

/* 1 when some process holds the lock, 0 when none, negative on error. */
int c5_lock_held(const char *container);

#endif
