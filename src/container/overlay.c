/* overlay.c – see overlay.h for the protocol. */
#include "container/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/superblock.h"

#define RECORD_AT 4096u
#define MAX_PAGES (1u << 26)

static const char note_magic[8] = "C5NOTE01", record_magic[8] = "C5JRNL01", end_magic[8] = "C5ENDMRK";

typedef struct page { uint64_t number; uint32_t used; uint8_t *bytes; } page; /* used: bytes of the page below base_end */

struct c5_overlay {
	char *path, *journal;
	int fd, jfd;
	bool writable, swallow, noted;
	uint64_t base_end, end, stored_end; /* committed end, end of this transaction, end the file's superblock says */
	uint64_t note_at, note_size;
	struct timespec opened; /* the file's time of change then */
	page *table; /* open addressing by page number; bytes NULL: free */
	size_t n_pages, cap;
};

/* stored_end, old_stored: the superblock's end after and before; they tell whether a journal belongs to the file it lies beside. */
typedef struct note { char magic[8]; uint64_t end, stored_end; uint8_t sum[32]; } note;
typedef struct record { char magic[8]; uint64_t end, stored_end, old_stored, n_pages, bytes; uint8_t sum[32]; } record;
typedef struct entry { uint64_t at; uint64_t size; } entry;

const char *const c5_crash_points[] = {
	"commit-begin", "grow-noted", "grow-written", "data-synced", "journal-part", "journal-written", "journal-synced", "apply-begin", "apply-part",
		"apply-written", "apply-synced",
	"note-written", "commit-end", "close-begin", "close-superblock", "close-cut", "close-end", "replay-begin", "replay-written", "replay-end", NULL
};

void c5_crash_point(const char *name)
{
	static int parsed, times = 1;
	static char want[64];
	if (!parsed) {
		const char *env = getenv("C5_CRASH_AT");
		if (env) {
			const char *colon = strchr(env, ':');
			size_t n = colon ? (size_t)(colon - env) : strlen(env);
			if (n < sizeof want) memcpy(want, env, n);
			if (colon) times = atoi(colon + 1);
		}
		parsed = 1;
	}
	if (want[0] && strcmp(want, name) == 0 && --times == 0) raise(SIGKILL);
}

static int os_error(const c5_overlay *ov, const char *what)
{
	const char *hint = errno == ENOSPC || errno == EDQUOT ? "; free some space and go on with --resume" : "";
	return c5_fail(C5_EIO, "%s: cannot %s: %s%s", ov->path, what, strerror(errno), hint);
}

static int full_read(int fd, uint64_t at, void *data, size_t n) /* bytes past the end read as zero */
{
	for (uint8_t *p = data; n;) {
		ssize_t got = pread(fd, p, n, (off_t)at);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return -1;
		if (got == 0) {
			memset(p, 0, n);
			return 0;
		}
		p += got, at += (size_t)got, n -= (size_t)got;
	}
	return 0;
}

static int full_write(int fd, uint64_t at, const void *data, size_t n)
{
	for (const uint8_t *p = data; n;) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);
		if (put < 0 && errno == EINTR) continue;
		if (put <= 0) {
			if (put == 0) errno = ENOSPC;
			return -1;
		}
		p += put, at += (size_t)put, n -= (size_t)put;
	}
	return 0;
}

/* ---- pages ---- */

static page *slot(page *table, size_t cap, uint64_t number)
{
	size_t i = (size_t)(number * 0x9e3779b97f4a7c15u >> 20) & (cap - 1);
	while (table[i].bytes && table[i].number != number) i = (i + 1) & (cap - 1);
	return &table[i];
}

static page *find_page(const c5_overlay *ov, uint64_t number)
{
	if (!ov->n_pages) return NULL;
	page *p = slot(ov->table, ov->cap, number);
	return p->bytes ? p : NULL;
}

static int more_room(c5_overlay *ov)
{
	if (ov->n_pages * 2 < ov->cap) return C5_OK;
	size_t cap = ov->cap ? ov->cap * 2 : 64;
	page *fresh;
	int err = c5_alloc(&fresh, cap, sizeof *fresh);
	if (err < 0) return err;
	for (size_t i = 0; i < ov->cap; i++)
		if (ov->table[i].bytes) *slot(fresh, cap, ov->table[i].number) = ov->table[i];
	free(ov->table);
	ov->table = fresh;
	ov->cap = cap;
	return C5_OK;
}

/* The overlay's copy of a page, made from the file on first touch. */
static int touch_page(c5_overlay *ov, uint64_t number, page **out)
{
	if ((*out = find_page(ov, number))) return C5_OK;
	int err = more_room(ov);
	if (err < 0) return err;
	page p = { .number = number };
	uint64_t at = number * C5_PAGE;
	p.used = ov->base_end - at < C5_PAGE ? (uint32_t)(ov->base_end - at) : C5_PAGE;
	if ((err = c5_alloc(&p.bytes, C5_PAGE, 1)) < 0) return err;
	if (full_read(ov->fd, at, p.bytes, p.used) < 0) {
		free(p.bytes);
		return os_error(ov, "read");
	}
	*out = slot(ov->table, ov->cap, number);
	**out = p;
	ov->n_pages++;
	return C5_OK;
}

static void drop_pages(c5_overlay *ov)
{
	for (size_t i = 0; i < ov->cap; i++) free(ov->table[i].bytes);
	free(ov->table);
	ov->table = NULL;
	ov->n_pages = ov->cap = 0;
}

static int by_number(const void *a, const void *b)
{
	const page *p = a, *q = b;
	return p->number < q->number ? -1 : p->number > q->number;
}

/* ---- reading and writing ---- */

int c5_overlay_read(c5_overlay *ov, uint64_t at, void *data, size_t n)
{
	if (full_read(ov->fd, at, data, n) < 0) return os_error(ov, "read");
	if (!ov->n_pages || at >= ov->base_end) return C5_OK;
	for (uint64_t number = at / C5_PAGE; number * C5_PAGE < at + n; number++) {
		const page *p = find_page(ov, number);
		if (!p) continue;
		uint64_t from = number * C5_PAGE, to = from + p->used;
		if (from < at) from = at;
		if (to > at + n) to = at + n;
		if (from < to) memcpy((uint8_t *)data + (from - at), p->bytes + (from - number * C5_PAGE), to - from);
	}
	return C5_OK;
}

int c5_overlay_write_data(c5_overlay *ov, uint64_t at, const void *data, size_t n)
{
	if (at < ov->base_end)
		return c5_fail(C5_EFAIL, "%s: data for byte %llu, below the committed end %llu", ov->path, (unsigned long long)at,
			(unsigned long long)ov->base_end);
	return full_write(ov->fd, at, data, n) < 0 ? os_error(ov, "write") : C5_OK;
}

int c5_overlay_write(c5_overlay *ov, uint64_t at, const void *data, size_t n)
{
	const uint8_t *p = data;
	if (!ov->writable) return c5_fail(C5_EIO, "%s: opened for reading only", ov->path);
	while (n && at < ov->base_end) {
		page *pg;
		int err = touch_page(ov, at / C5_PAGE, &pg);
		if (err < 0) return err;
		size_t in = at % C5_PAGE, part = pg->used - in;
		if (part > n) part = n;
		memcpy(pg->bytes + in, p, part);
		p += part, at += part, n -= part;
	}
	if (at + n > ov->end && n) ov->end = at + n;
	return n ? c5_overlay_write_data(ov, at, p, n) : C5_OK;
}

uint64_t c5_overlay_end(const c5_overlay *ov) { return ov->end; }
uint64_t c5_overlay_base_end(const c5_overlay *ov) { return ov->base_end; }
size_t c5_overlay_pages(const c5_overlay *ov) { return ov->n_pages; }

int c5_overlay_set_end(c5_overlay *ov, uint64_t end)
{
	if (ov->writable) ov->end = end < ov->base_end ? ov->base_end : end;
	return C5_OK;
}

uint64_t c5_overlay_size(const c5_overlay *ov) { return !ov->writable && ov->stored_end > ov->end ? ov->stored_end : ov->end; }

void c5_overlay_swallow(c5_overlay *ov, bool on)
{
	ov->swallow = on;
	ov->noted = false;
}

bool c5_overlay_swallowing(const c5_overlay *ov) { return ov->swallow; }

void c5_overlay_note(c5_overlay *ov, uint64_t at, size_t n)
{
	ov->note_at = at, ov->note_size = n, ov->noted = true;
	if (ov->writable && at + n > ov->end) ov->end = at + n;
}

int c5_overlay_noted(c5_overlay *ov, uint64_t *at, uint64_t *n)
{
	if (!ov->noted) return c5_fail(C5_EFAIL, "%s: HDF5 named no address for a chunk", ov->path);
	*at = ov->note_at, *n = ov->note_size, ov->noted = false;
	return C5_OK;
}

/* ---- the journal ---- */

static int journal_open(c5_overlay *ov, bool create)
{
	if (ov->jfd >= 0) return C5_OK;
	ov->jfd = open(ov->journal, (ov->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
	if (ov->jfd < 0 && (create || errno != ENOENT))
		return c5_fail(C5_EIO, "%s: cannot open: %s", ov->journal, strerror(errno));
	return C5_OK;
}

static int sync_folder(const c5_overlay *ov)
{
	char *folder = c5_strdup(ov->path);
	if (!folder) return c5_fail(C5_ENOMEM, "out of memory");
	char *slash = strrchr(folder, '/');
	if (slash) slash[slash == folder] = '\0';
	int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0) return C5_OK; /* a folder we may not read: the file system decides when the name is durable */
	fsync(fd);
	close(fd);
	return C5_OK;
}

static int journal_note(c5_overlay *ov, uint64_t end, uint64_t stored_end)
{
	note n = { .end = end, .stored_end = stored_end };
	memcpy(n.magic, note_magic, 8);
	SHA256((const uint8_t *)&n, offsetof(note, sum), n.sum);
	return full_write(ov->jfd, 0, &n, sizeof n) < 0 ? os_error(ov, "write the journal of") : C5_OK;
}

static bool journal_noted(int jfd, uint64_t stored_end, uint64_t *end)
{
	note n;
	uint8_t sum[32];
	if (full_read(jfd, 0, &n, sizeof n) < 0 || memcmp(n.magic, note_magic, 8) != 0) return false;
	SHA256((const uint8_t *)&n, offsetof(note, sum), sum);
	*end = n.end;
	return memcmp(sum, n.sum, 32) == 0 && n.stored_end == stored_end && n.end <= stored_end && n.end >= C5_SUPERBLOCK_SIZE;
}

/* Writes record, pages and end mark, and syncs them. From then on the transaction is permanent. */
static int journal_write(c5_overlay *ov, const page *pages, size_t n, uint64_t stored_end, uint64_t old_stored)
{
	c5_buf b = { 0 };
	record r = { .end = ov->end, .stored_end = stored_end, .old_stored = old_stored, .n_pages = n };
	memcpy(r.magic, record_magic, 8);
	c5_buf_put(&b, &r, sizeof r);
	for (size_t i = 0; i < n; i++) {
		entry e = { pages[i].number * C5_PAGE, pages[i].used };
		c5_buf_put(&b, &e, sizeof e);
		c5_buf_put(&b, pages[i].bytes, pages[i].used);
	}
	c5_buf_put(&b, end_magic, 8);
	int err = b.err;
	if (err < 0) goto done;
	r.bytes = b.size;
	memcpy(b.data, &r, sizeof r);
	SHA256(b.data, b.size, r.sum); /* taken with a zero sum field */
	memcpy(b.data, &r, sizeof r);
	size_t half = b.size / 2;
	err = C5_EIO;
	if (full_write(ov->jfd, RECORD_AT, b.data, half) < 0) { os_error(ov, "write the journal of"); goto done; }
	c5_crash_point("journal-part");
	if (full_write(ov->jfd, RECORD_AT + half, b.data + half, b.size - half) < 0) { os_error(ov, "write the journal of"); goto done; }
	c5_crash_point("journal-written");
	if (fsync(ov->jfd) < 0) { os_error(ov, "sync the journal of"); goto done; }
	c5_crash_point("journal-synced");
	err = C5_OK;
done:
	c5_buf_free(&b);
	return err;
}

/* The complete record of a journal, or *data NULL when there is none. */
static int journal_load(int jfd, uint8_t **data, record *r)
{
	uint8_t sum[32], zero[32] = { 0 };
	struct stat st;
	*data = NULL;
	if (fstat(jfd, &st) < 0 || full_read(jfd, RECORD_AT, r, sizeof *r) < 0) return C5_OK;
	if (memcmp(r->magic, record_magic, 8) != 0 || r->bytes < sizeof *r + 8 || r->bytes > (uint64_t)st.st_size || r->n_pages > MAX_PAGES) return C5_OK;
	uint8_t *b;
	int err = c5_alloc(&b, r->bytes, 1);
	if (err < 0) return err;
	if (full_read(jfd, RECORD_AT, b, r->bytes) < 0) goto none;
	memcpy(b + offsetof(record, sum), zero, 32);
	SHA256(b, r->bytes, sum);
	if (memcmp(sum, r->sum, 32) != 0 || memcmp(b + r->bytes - 8, end_magic, 8) != 0) goto none;
	*data = b;
	return C5_OK;
none:
	free(b);
	return C5_OK;
}

/* ---- readers ---- */

#define SETTLE_US 5000
#define LEAVE_US 2000000
#define LOOK_US 300
#define MAX_READERS 64

/* The processes of this machine that hold the file as HDF5 readers do, by a shared flock; none where the system does not tell. */
static size_t readers_of(const struct stat *st, long pids[MAX_READERS])
{
	char line[256], access[16];
	unsigned long inode;
	size_t n = 0;
	FILE *f = fopen("/proc/locks", "re");
	while (f && n < MAX_READERS && fgets(line, sizeof line, f))
		if (sscanf(line, "%*d: FLOCK ADVISORY %15s %ld %*x:%*x:%lu", access, &pids[n], &inode) == 3 && inode == (unsigned long)st->st_ino &&
		    pids[n] != getpid() && strcmp(access, "READ") == 0)
			n++;
	if (f) fclose(f);
	return n;
}

/* Waits, but not long, until every reader that holds the file now has closed it once. */
static void let_readers_leave(const struct stat *st)
{
	long here[MAX_READERS], now[MAX_READERS];
	size_t n = readers_of(st, here), m, i, k;
	for (int waited = 0; n && waited < LEAVE_US; waited += LOOK_US) {
		usleep(LOOK_US);
		m = readers_of(st, now);
		for (i = 0; i < n;) {
			for (k = 0; k < m && now[k] != here[i]; k++) {}
			if (k == m) here[i] = here[--n];
			else i++;
		}
	}
}

/* A reader believes the end of file it saw when it opened, and follows no address beyond. So the superblock's end is raised ahead of everything
 * else, by itself (48 bytes, in one write), the file being that long for a while; then the readers of before get the time to leave. */
static int raise_end(c5_overlay *ov, uint64_t stored)
{
	uint8_t block[C5_SUPERBLOCK_SIZE];
	struct stat st;
	int err;
	if (fstat(ov->fd, &st) < 0) return os_error(ov, "look at");
	if ((uint64_t)st.st_size < stored && ftruncate(ov->fd, (off_t)stored) < 0) return os_error(ov, "extend");
	if ((err = journal_note(ov, ov->base_end, stored)) < 0) return err;
	if (fsync(ov->jfd) < 0 || fsync(ov->fd) < 0) return os_error(ov, "sync");
	c5_crash_point("grow-noted");
	usleep(SETTLE_US); /* a reader takes the length of the file first, the superblock a moment later */
	if (full_read(ov->fd, 0, block, sizeof block) < 0) return os_error(ov, "read");
	c5_superblock_set_end(block, stored);
	if (full_write(ov->fd, 0, block, sizeof block) < 0) return os_error(ov, "write");
	c5_crash_point("grow-written");
	ov->stored_end = stored;
	let_readers_leave(&st);
	return C5_OK;
}

typedef int apply_fn(c5_overlay *ov, uint64_t at, const uint8_t *bytes, size_t n);

static int apply_in_place(c5_overlay *ov, uint64_t at, const uint8_t *bytes, size_t n)
{
	return full_write(ov->fd, at, bytes, n) < 0 ? os_error(ov, "write") : C5_OK;
}

static int apply_in_memory(c5_overlay *ov, uint64_t at, const uint8_t *bytes, size_t n)
{
	page *p;
	int err = touch_page(ov, at / C5_PAGE, &p);
	if (err == C5_OK && n <= C5_PAGE) memcpy(p->bytes, bytes, n);
	return err;
}

static int journal_apply(c5_overlay *ov, const uint8_t *data, const record *r, apply_fn *apply)
{
	const uint8_t *p = data + sizeof *r, *stop = data + r->bytes - 8;
	for (uint64_t i = 0; i < r->n_pages; i++) {
		entry e;
		if ((size_t)(stop - p) < sizeof e) return c5_fail(C5_EFAIL, "%s: the journal's pages run past its end", ov->journal);
		memcpy(&e, p, sizeof e);
		p += sizeof e;
		if (e.size > C5_PAGE || e.at % C5_PAGE || (size_t)(stop - p) < e.size)
			return c5_fail(C5_EFAIL, "%s: the journal's pages run past its end", ov->journal);
		int err = apply(ov, e.at, p, e.size);
		if (err < 0) return err;
		p += e.size;
	}
	return C5_OK;
}

/* A record is put only into the file it was made for: one of at least that size, whose superblock is that of before or after, or torn. */
static int journal_fits(const c5_overlay *ov, const record *r)
{
	uint8_t block[C5_SUPERBLOCK_SIZE];
	struct stat st;
	uint64_t end;
	if (fstat(ov->fd, &st) < 0 || full_read(ov->fd, 0, block, sizeof block) < 0) return os_error(ov, "look at");
	int whole = c5_superblock_end(block, &end);
	if ((uint64_t)st.st_size >= r->stored_end && (whole < 0 || end == r->stored_end || end == r->old_stored)) return C5_OK;
	return c5_fail(C5_EINPUT, "%s: belongs to another file than the one beside it; put that file back, or move the journal away", ov->journal);
}

static int journal_replay(c5_overlay *ov)
{
	record r;
	uint8_t *data = NULL;
	int err = journal_load(ov->jfd, &data, &r);
	if (err < 0 || !data) return err;
	if ((err = journal_fits(ov, &r)) < 0) goto done;
	ov->base_end = r.end;
	if (!ov->writable) {
		err = journal_apply(ov, data, &r, apply_in_memory);
		goto done;
	}
	c5_crash_point("replay-begin");
	if ((err = journal_apply(ov, data, &r, apply_in_place)) < 0) goto done;
	c5_crash_point("replay-written");
	if (fsync(ov->fd) < 0) { err = os_error(ov, "sync"); goto done; }
	if ((err = journal_note(ov, r.end, r.stored_end)) < 0) goto done;
	c5_crash_point("replay-end");
done:
	free(data);
	return err;
}

/* ---- life ---- */

/* Writes the end of file into the superblock, in memory. HDF5 allocates from there on, so a writer is shown the true end. */
static int patch_superblock(c5_overlay *ov, uint64_t end)
{
	uint8_t block[C5_SUPERBLOCK_SIZE];
	uint64_t old;
	int err = c5_overlay_read(ov, 0, block, sizeof block);
	if (err < 0 || (err = c5_superblock_end(block, &old)) < 0 || old == end) return err;
	c5_superblock_set_end(block, end);
	return c5_overlay_write(ov, 0, block, sizeof block);
}

static int adopt_file(c5_overlay *ov)
{
	uint8_t block[C5_SUPERBLOCK_SIZE];
	uint64_t noted;
	struct stat st;
	int err;
	if (fstat(ov->fd, &st) < 0) return os_error(ov, "look at");
	ov->opened = st.st_mtim;
	if (!S_ISREG(st.st_mode)) return c5_fail(C5_EINPUT, "%s: not a file, a container was expected", ov->path);
	if (st.st_size < C5_SUPERBLOCK_SIZE)
		return c5_fail(C5_EINPUT, "%s: %lld bytes, too short for a container: not an HDF5 file, or an empty one", ov->path, (long long)st.st_size);
	if (ov->jfd >= 0 && (err = journal_replay(ov)) < 0) return err;
	uint64_t journal_end = ov->base_end;
	ov->base_end = C5_PAGE; /* so that page 0 is read through the overlay */
	err = c5_overlay_read(ov, 0, block, sizeof block);
	if (err < 0) return err;
	if ((err = c5_superblock_end(block, &ov->stored_end)) < 0) return c5_fail_in(err, "%s", ov->path);
	uint64_t end = ov->stored_end;
	if (journal_end) end = journal_end;
	else if (ov->jfd >= 0 && journal_noted(ov->jfd, ov->stored_end, &noted)) end = noted;
	if (fstat(ov->fd, &st) < 0) return os_error(ov, "look at");
	if ((uint64_t)st.st_size < end)
		return c5_fail(C5_EINPUT, "%s: truncated: %lld bytes, %llu expected; get a whole copy", ov->path, (long long)st.st_size, (unsigned long long)end);
	ov->base_end = ov->end = end;
	for (size_t i = 0; i < ov->cap; i++) /* pages replayed in memory reach to the true end */
		if (ov->table[i].bytes && ov->table[i].number * C5_PAGE + ov->table[i].used > end)
			ov->table[i].used = (uint32_t)(end - ov->table[i].number * C5_PAGE);
	return ov->writable ? patch_superblock(ov, end) : C5_OK;
}

int c5_overlay_open(c5_overlay **out, const char *path, bool writable, bool create)
{
	c5_overlay *ov;
	*out = NULL;
	int err = c5_alloc(&ov, 1, sizeof *ov);
	if (err < 0) return err;
	ov->fd = ov->jfd = -1;
	ov->writable = writable;
	ov->path = c5_strdup(path);
	ov->journal = c5_format("%s.journal", path);
	if (!ov->path || !ov->journal) { err = c5_fail(C5_ENOMEM, "out of memory"); goto fail; }
	/* A pipe is opened without waiting for who may never write, and then refused; to files it makes no difference. */
	ov->fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0644);
	if (ov->fd < 0) {
		err = c5_fail(errno == ENOENT || errno == ENOTDIR ? C5_ENOTFOUND : errno == EISDIR ? C5_EINPUT : C5_EIO, "%s: cannot %s: %s%s", path,
			create ? "create" : writable ? "open for writing" : "open", strerror(errno), create && errno == EEXIST ? "; take another name or remove it" : "");
		goto fail;
	}
	if ((err = journal_open(ov, false)) < 0) goto fail;
	if (create) {
		if (ov->jfd >= 0 && ftruncate(ov->jfd, 0) < 0) { err = os_error(ov, "clear the journal of"); goto fail; }
	} else if ((err = adopt_file(ov)) < 0) goto fail;
	*out = ov;
	return C5_OK;
fail:
	c5_overlay_drop(ov);
	return err;
}

void c5_overlay_share(c5_overlay *ov) { flock(ov->fd, LOCK_SH | LOCK_NB); } /* given back by close; where there are no locks, nobody waits */

bool c5_overlay_changed(const c5_overlay *ov)
{
	struct stat st;
	return fstat(ov->fd, &st) == 0 && (st.st_mtim.tv_sec != ov->opened.tv_sec || st.st_mtim.tv_nsec != ov->opened.tv_nsec);
}

void c5_overlay_drop(c5_overlay *ov)
{
	if (!ov) return;
	drop_pages(ov);
	if (ov->fd >= 0) close(ov->fd);
	if (ov->jfd >= 0) close(ov->jfd);
	free(ov->path);
	free(ov->journal);
	free(ov);
}

int c5_overlay_abort(c5_overlay *ov)
{
	if (!ov->writable) return C5_OK;
	drop_pages(ov);
	ov->end = ov->base_end;
	return patch_superblock(ov, ov->base_end);
}

/* Neighbouring pages go in one write, so that what reaches over a page's edge changes at once for who reads meanwhile. */
static int write_pages(c5_overlay *ov, const page *pages, size_t n)
{
	uint8_t *bytes;
	int err = c5_alloc(&bytes, n, C5_PAGE);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) memcpy(bytes + i * C5_PAGE, pages[i].bytes, pages[i].used);
	for (size_t i = 0, k; i < n && err == C5_OK; i = k) {
		for (k = i + 1; k < n && k != (n + 1) / 2 && pages[k].number == pages[k - 1].number + 1; k++) {}
		if (i == (n + 1) / 2) c5_crash_point("apply-part");
		err = apply_in_place(ov, pages[i].number * C5_PAGE, bytes + i * C5_PAGE, (k - i - 1) * C5_PAGE + pages[k - 1].used);
	}
	free(bytes);
	return err;
}

int c5_overlay_commit(c5_overlay *ov, uint64_t slack)
{
	page *pages = NULL;
	size_t n = 0;
	struct stat st;
	int err;
	if (!ov->writable) return c5_fail(C5_EIO, "%s: opened for reading only", ov->path);
	struct stat there;
	if (fstat(ov->fd, &st) < 0) return os_error(ov, "look at");
	if (stat(ov->path, &there) < 0 || there.st_ino != st.st_ino || there.st_dev != st.st_dev)
		return c5_fail(C5_EIO, "%s: was deleted or replaced while it was written; what this run made since is lost with it", ov->path);
	c5_crash_point("commit-begin");
	/* A first commit of a new file has everything beyond base_end 0: its superblock must be the last thing to appear, so it goes through the journal as
	 * well. */
	bool first = ov->base_end == 0;
	if (first) {
		uint8_t block[C5_SUPERBLOCK_SIZE] = { 0 };
		if (full_read(ov->fd, 0, block, sizeof block) < 0) return os_error(ov, "read");
		ov->base_end = C5_SUPERBLOCK_SIZE;
		if ((err = c5_overlay_write(ov, 0, block, sizeof block)) < 0) return err;
	}
	uint64_t stored = ov->end, old_stored = first ? ov->end : ov->stored_end;
	if (slack) { /* keep the old limit while it still leaves half the slack */
		stored = ov->stored_end > ov->end + slack / 2 ? ov->stored_end : ov->end + slack;
		stored = (stored + C5_PAGE - 1) / C5_PAGE * C5_PAGE;
	}
	if ((err = patch_superblock(ov, stored)) < 0) return err;
	bool new_journal = ov->jfd < 0;
	if ((err = journal_open(ov, true)) < 0) return err;
	if (new_journal && ((err = journal_note(ov, first ? 0 : ov->base_end, old_stored)) < 0 || (err = sync_folder(ov)) < 0)) return err;
	if (!first && stored > old_stored) {
		if ((err = raise_end(ov, stored)) < 0) return err;
		old_stored = stored;
	}
	if (fstat(ov->fd, &st) < 0) return os_error(ov, "look at");
	if ((uint64_t)st.st_size < stored && ftruncate(ov->fd, (off_t)stored) < 0) return os_error(ov, "extend");
	if (fsync(ov->fd) < 0) return os_error(ov, "sync");
	c5_crash_point("data-synced");

	if ((err = c5_alloc(&pages, ov->n_pages, sizeof *pages)) < 0) return err;
	for (size_t i = 0; i < ov->cap; i++)
		if (ov->table[i].bytes) pages[n++] = ov->table[i];
	qsort(pages, n, sizeof *pages, by_number);
	if ((err = journal_write(ov, pages, n, stored, old_stored)) < 0) goto done;
	c5_crash_point("apply-begin");
	if ((err = write_pages(ov, pages, n)) < 0) goto done;
	c5_crash_point("apply-written");
	if (fsync(ov->fd) < 0) { err = os_error(ov, "sync"); goto done; }
	c5_crash_point("apply-synced");
	/* From here the record is history; replaying it once more would change nothing. */
	if ((err = journal_note(ov, ov->end, stored)) < 0) goto done;
	uint8_t blank[sizeof(record)] = { 0 };
	if (full_write(ov->jfd, RECORD_AT, blank, sizeof blank) < 0) { err = os_error(ov, "write the journal of"); goto done; }
	c5_crash_point("note-written");
	ov->stored_end = stored;
	ov->base_end = ov->end;
	drop_pages(ov);
	c5_crash_point("commit-end");
	err = patch_superblock(ov, ov->base_end);
done:
	free(pages);
	return err;
}

int c5_overlay_close(c5_overlay *ov)
{
	int err = C5_OK;
	if (!ov) return C5_OK;
	if (ov->writable && ov->base_end > 0) {
		err = c5_overlay_abort(ov);
		c5_crash_point("close-begin");
		if (err == C5_OK && ov->stored_end != ov->base_end) err = c5_overlay_commit(ov, 0);
		c5_crash_point("close-superblock");
		struct stat st;
		if (err == C5_OK && fstat(ov->fd, &st) == 0 && (uint64_t)st.st_size != ov->base_end && ftruncate(ov->fd, (off_t)ov->base_end) < 0)
			err = os_error(ov, "cut");
		c5_crash_point("close-cut");
		if (err == C5_OK && ov->jfd >= 0) unlink(ov->journal);
		c5_crash_point("close-end");
	}
	c5_overlay_drop(ov);
	return err;
}

int c5_overlay_inspect(const char *path, int *state)
{
	uint8_t block[C5_SUPERBLOCK_SIZE];
	struct stat st;
	uint64_t end;
	record r;
	uint8_t *data = NULL;
	int err = C5_OK;
	char *journal = c5_format("%s.journal", path);
	if (!journal) return c5_fail(C5_ENOMEM, "out of memory");
	*state = 0;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), jfd = open(journal, O_RDONLY | O_CLOEXEC);
	if (fd < 0) { err = c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: cannot open: %s", path, strerror(errno)); goto done; }
	if (jfd >= 0) {
		err = journal_load(jfd, &data, &r);
		*state = data ? 1 : 2;
		free(data);
	} else if (fstat(fd, &st) == 0 && full_read(fd, 0, block, sizeof block) == 0 && c5_superblock_end(block, &end) == C5_OK &&
	    (uint64_t)st.st_size > end) *state = 2;
done:
	if (fd >= 0) close(fd);
	if (jfd >= 0) close(jfd);
	free(journal);
	return err;
}
