/* file.c – open, create, commit, close; see file.h. */
#include "container/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/h5.h"
#include "container/schema.h"

/* Links stay in the group's header, which a reader takes in at once. HDF5's heap and B-tree, for groups of many links, are several objects that
 * change together, and a reader may meet them half way. But HDF5 1.10 takes the fourth power of this number to change a group over: measured 0.14 s
 * for 128 links, 1.9 s for 256, 46 s for 512. */
#define LINKS_COMPACT 128
/* Room for so many in the header's first block: a header in one block changes in one write. */
#define LINKS_EXPECTED 12

hid_t c5_h5_group_list(void)
{
	hid_t list = H5Pcreate(H5P_GROUP_CREATE);
	H5Pset_obj_track_times(list, false);
	H5Pset_attr_phase_change(list, 64, 32);
	H5Pset_link_phase_change(list, LINKS_COMPACT, LINKS_COMPACT / 2);
	H5Pset_est_link_info(list, LINKS_EXPECTED, 8);
	return list;
}

hid_t c5_h5_dataset_list(void)
{
	hid_t list = H5Pcreate(H5P_DATASET_CREATE);
	H5Pset_obj_track_times(list, false);
	H5Pset_attr_phase_change(list, 64, 32);
	H5Pset_fill_time(list, H5D_FILL_TIME_IFSET);
	return list;
}

int c5_file_mount(c5_file *f)
{
	hid_t fapl = c5_driver_fapl(f->overlay);
	f->id = H5Fopen(f->path, f->mode == C5_WRITE ? H5F_ACC_RDWR : H5F_ACC_RDONLY, fapl);
	int err = f->id < 0 ? c5_h5_fail(C5_EINPUT, "%s: cannot be opened", f->path) : C5_OK; /* before the next call clears HDF5's errors */
	if (fapl >= 0) H5Pclose(fapl);
	return err;
}

int c5_file_unmount(c5_file *f)
{
	int err = C5_OK;
	if (f->id < 0) return C5_OK;
#ifdef __SANITIZE_ADDRESS__
	ssize_t open_ids = H5Fget_obj_count(f->id, H5F_OBJ_ALL | H5F_OBJ_LOCAL);
	if (open_ids != 1) fprintf(stderr, "%s: %zd HDF5 ids left open\n", f->path, open_ids - 1);
#endif
	if (H5Fclose(f->id) < 0) err = c5_h5_fail(C5_EIO, "%s: cannot be closed", f->path);
	f->id = H5I_INVALID_HID;
	return err;
}

static int make_uuid(char out[37])
{
	uint8_t b[16];
	if (getrandom(b, sizeof b, 0) != sizeof b) return c5_fail(C5_EFAIL, "no random bytes for a uuid");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	char *p = out;
	for (int i = 0; i < 16; i++) p += sprintf(p, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	return C5_OK;
}

static int fill_new(c5_file *f, const char *title)
{
	char uuid[37], now[32];
	time_t t = time(NULL);
	struct tm tm;
	int err;
	strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	static const char *const rooms[] = { "/experiments", "/models", "/searches", "/runs" };
	if ((err = make_uuid(uuid)) < 0) return err;
	if ((err = c5_attr_set_str(f, "/", "format", "cyto5")) < 0 || (err = c5_attr_set_str(f, "/", "schema_version", C5_SCHEMA_VERSION)) < 0 ||
	    (err = c5_attr_set_str(f, "/", "uuid", uuid)) < 0 || (err = c5_attr_set_str(f, "/", "created", now)) < 0 ||
	    (err = c5_attr_set_str(f, "/", "title", title ? title : "")) < 0 || (err = c5_attr_set_str(f, "/", "NX_class", "NXroot")) < 0 ||
	    (err = c5_attr_set_str(f, "/", "default", "experiments")) < 0)
		return err;
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
		if ((err = c5_group_make(f, rooms[i])) < 0) return err;
	if ((err = c5_attr_set_str(f, "/experiments", "NX_class", "NXentry")) < 0) return err;
	return c5_text_set(f, "/schema", c5_schema_text());
}

int c5_file_create(const char *path, const char *title)
{
	c5_file f = { .mode = C5_WRITE, .id = H5I_INVALID_HID };
	hid_t fapl = H5I_INVALID_HID, fcpl = H5I_INVALID_HID;
	char *part = c5_format("%s.part", path), *stale = NULL;
	int err;
	if (!part) return c5_fail(C5_ENOMEM, "out of memory");
	if (access(path, F_OK) == 0) { err = c5_fail(C5_EIO, "%s: exists; take another name or remove it", path); goto done; }
	f.path = part;
	if ((err = c5_lock_take(&f.lock, path, "making it")) < 0) goto done;
	unlink(part); /* left by a crash: nobody holds the lock */
	if ((err = c5_overlay_open(&f.overlay, part, true, true)) < 0) goto done;
	fapl = c5_driver_fapl(f.overlay);
	fcpl = H5Pcreate(H5P_FILE_CREATE);
	H5Pset_file_space_strategy(fcpl, H5F_FSPACE_STRATEGY_NONE, false, 1);
	H5Pset_link_phase_change(fcpl, LINKS_COMPACT, LINKS_COMPACT / 2);
	H5Pset_attr_phase_change(fcpl, 64, 32);
	f.id = H5Fcreate(part, H5F_ACC_TRUNC, fcpl, fapl);
	if (f.id < 0) { err = c5_h5_fail(C5_EIO, "%s: cannot be made", path); goto done; }
	if ((err = fill_new(&f, title)) < 0) goto done;
	if ((err = c5_file_unmount(&f)) < 0) goto done;
	if ((err = c5_overlay_commit(f.overlay, 0)) < 0) goto done;
	err = c5_overlay_close(f.overlay);
	f.overlay = NULL;
	if (err < 0) goto done;
	if ((stale = c5_format("%s.journal", path)) != NULL) unlink(stale); /* of a container that was deleted; without its file it is of no use */
	if (link(part, path) < 0 && errno == EEXIST) { err = c5_fail(C5_EIO, "%s: exists; take another name or remove it", path); goto done; }
	if (access(path, F_OK) != 0 && rename(part, path) < 0) err = c5_fail(C5_EIO, "%s: cannot be made: %s", path, strerror(errno));
done:
	if (f.id >= 0) H5Fclose(f.id);
	if (fapl >= 0) H5Pclose(fapl);
	if (fcpl >= 0) H5Pclose(fcpl);
	if (f.overlay) c5_overlay_drop(f.overlay);
	if (f.lock) unlink(part); /* the second name of a success, or what a failure left */
	if (f.lock && err < 0) {
		char *journal = c5_format("%s.journal", part);
		if (journal) unlink(journal);
		free(journal);
	}
	c5_lock_release(f.lock);
	free(stale);
	free(part);
	return err;
}

static int check_version(c5_file *f)
{
	char *format = NULL, *version = NULL;
	int major = 0, err = C5_OK;
	if (c5_attr_get_str(f, "/", "format", &format) < 0 || strcmp(format, "cyto5") != 0)
		err = c5_fail(C5_ESCHEMA, "%s: an HDF5 file, but no cyto5 container (root attribute format=\"cyto5\" expected)", f->path);
	else if (c5_attr_get_str(f, "/", "schema_version", &version) < 0 || sscanf(version, "%d.", &major) != 1)
		err = c5_fail(C5_ESCHEMA, "%s: root attribute schema_version is missing or no version", f->path);
	else if (major > C5_SCHEMA_MAJOR)
		err = c5_fail(C5_ESCHEMA, "%s: schema %s, this program knows %d.x; read it with a newer cyto5, or have that one run `cyto5 migrate --to %s`",
			f->path, version, C5_SCHEMA_MAJOR, C5_SCHEMA_VERSION);
	free(format);
	free(version);
	return err;
}

/* A reader that opens in the middle of a commit may catch pages of two states; the moment passes. */
#define OPEN_TRIES 20

static int open_once(c5_file *f)
{
	int err = c5_overlay_open(&f->overlay, f->path, f->mode == C5_WRITE, false);
	if (err == C5_OK && (err = c5_file_mount(f)) == C5_OK) err = check_version(f);
	if (err < 0) {
		if (f->id >= 0) H5Fclose(f->id);
		f->id = H5I_INVALID_HID;
		c5_overlay_drop(f->overlay);
		f->overlay = NULL;
	}
	return err;
}

int c5_file_open(c5_file **out, const char *path, int mode, const char *purpose)
{
	c5_file *f;
	*out = NULL;
	int err = c5_alloc(&f, 1, sizeof *f);
	if (err < 0) return err;
	f->mode = mode;
	f->id = H5I_INVALID_HID;
	if (!(f->path = c5_strdup(path))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto fail; }
	if (mode == C5_WRITE) {
		if (access(path, F_OK) == 0 && access(path, W_OK) != 0) {
			err = c5_fail(C5_EIO, "%s: not writable: %s; copy it, or change its permissions", path, strerror(errno));
			goto fail;
		}
		if (access(path, F_OK) != 0) { err = c5_fail(C5_ENOTFOUND, "%s: no such container", path); goto fail; }
		if ((err = c5_lock_take(&f->lock, path, purpose)) < 0) goto fail;
	}
	for (int tries = 1; (err = open_once(f)) < 0; tries++) {
		bool torn = mode == C5_READ && (err == C5_EINPUT || err == C5_ESCHEMA) && tries < OPEN_TRIES && c5_lock_held(path) == 1;
		if (!torn) goto fail;
		usleep(2000);
	}
	if (mode == C5_READ && !purpose) c5_overlay_share(f->overlay);
	*out = f;
	return C5_OK;
fail:
	c5_lock_release(f->lock);
	free(f->path);
	free(f);
	return err;
}

int c5_file_commit(c5_file *f, bool more)
{
	int err = c5_file_unmount(f);
	if (err < 0) return err;
	if ((err = c5_overlay_commit(f->overlay, more ? C5_COMMIT_SLACK : 0)) < 0) return err;
	return c5_file_mount(f);
}

int c5_file_close(c5_file *f)
{
	if (!f) return C5_OK;
	int err = C5_OK;
	bool sound = f->id >= 0; /* a commit that failed left no mounted file: the journal has the say */
	if (f->id >= 0) err = c5_file_unmount(f);
	if (sound) {
		int closed = c5_overlay_close(f->overlay);
		if (err == C5_OK) err = closed;
	} else c5_overlay_drop(f->overlay);
	c5_lock_release(f->lock);
	free(f->path);
	free(f);
	return err;
}

const char *c5_file_path(const c5_file *f) { return f->path; }
bool c5_file_changed(const c5_file *f) { return c5_overlay_changed(f->overlay); }
uint64_t c5_file_end(const c5_file *f) { return c5_overlay_end(f->overlay); }
