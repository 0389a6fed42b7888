/* driver.c – HDF5 reads and writes through the overlay; see overlay.h for what that means.
 * The one place that knows HDF5's driver table: 1.10 and 1.12 lack its first fields, 1.14 and 2.x have them. */
#include "container/driver.h"

#if H5_VERSION_GE(1, 13, 2)
#include <H5FDdevelop.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* What the operating system said, kept from HDF5's own error text, which would bury it. */
static _Thread_local char io_text[1024];
static _Thread_local int io_code;

static herr_t tell(int err)
{
	if (err >= 0) return 0;
	if (io_code == 0) snprintf(io_text, sizeof io_text, "%s", c5_error_last());
	io_code = err;
	return -1;
}

typedef struct driver_info { c5_overlay *overlay; } driver_info;
typedef struct driver_file { H5FD_t pub; c5_overlay *overlay; haddr_t eoa; } driver_file;

static c5_overlay *overlay_of(const H5FD_t *f) { return ((const driver_file *)f)->overlay; }

static void *driver_fapl_get(H5FD_t *f)
{
	driver_info *info = malloc(sizeof *info);
	if (info) info->overlay = overlay_of(f);
	return info;
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
	(void)name, (void)flags, (void)maxaddr;
	const driver_info *info = H5Pget_driver_info(fapl);
	driver_file *f = info ? calloc(1, sizeof *f) : NULL;
	if (f) f->overlay = info->overlay;
	return f ? &f->pub : NULL;
}

static herr_t driver_close(H5FD_t *f)
{
	free(f);
	return 0;
}

/* Two open files are the same only when they are the same object: a reader and a writer of one path never share HDF5's caches. */
static int driver_cmp(const H5FD_t *a, const H5FD_t *b) { return a < b ? -1 : a > b; }

static herr_t driver_query(const H5FD_t *f, unsigned long *flags)
{
	(void)f;
	*flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
	return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *f, H5FD_mem_t type)
{
	(void)type;
	return ((const driver_file *)f)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *f, H5FD_mem_t type, haddr_t addr)
{
	(void)type;
	driver_file *d = (driver_file *)f;
	uint64_t least = c5_overlay_base_end(d->overlay);
	/* HDF5 gives freed space at the end back by lowering the end. What is committed stays: ranks write straight to new addresses. */
	d->eoa = addr < least ? least : addr;
	return c5_overlay_set_end(d->overlay, d->eoa) < 0 ? -1 : 0;
}

static haddr_t driver_get_eof(const H5FD_t *f, H5FD_mem_t type)
{
	(void)type;
	return c5_overlay_size(overlay_of(f));
}

static herr_t driver_read(H5FD_t *f, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, void *buffer)
{
	(void)dxpl;
	c5_overlay *ov = overlay_of(f);
	if (type == H5FD_MEM_DRAW && c5_overlay_swallowing(ov)) {
		c5_overlay_note(ov, addr, size);
		return 0;
	}
	return tell(c5_overlay_read(ov, addr, buffer, size));
}

static herr_t driver_write(H5FD_t *f, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, const void *buffer)
{
	(void)dxpl;
	c5_overlay *ov = overlay_of(f);
	if (type == H5FD_MEM_DRAW && c5_overlay_swallowing(ov)) {
		c5_overlay_note(ov, addr, size);
		return 0;
	}
	return tell(c5_overlay_write(ov, addr, buffer, size));
}

/* The commit sizes the file; HDF5 must not. */
static herr_t driver_truncate(H5FD_t *f, hid_t dxpl, hbool_t closing)
{
	(void)f, (void)dxpl, (void)closing;
	return 0;
}

static herr_t driver_lock(H5FD_t *f, hbool_t rw)
{
	(void)f, (void)rw;
	return 0; /* container/lock.h keeps writers apart */
}

static herr_t driver_unlock(H5FD_t *f)
{
	(void)f;
	return 0;
}

static const H5FD_class_t driver_class = {
#ifdef H5FD_CLASS_VERSION
	.version = H5FD_CLASS_VERSION,
	.value = (H5FD_class_value_t)512,
#endif
	.name = "cyto5",
	.maxaddr = (haddr_t)INT64_MAX,
	.fc_degree = H5F_CLOSE_STRONG,
	.fapl_size = sizeof(driver_info),
	.fapl_get = driver_fapl_get,
	.open = driver_open,
	.close = driver_close,
	.cmp = driver_cmp,
	.query = driver_query,
	.get_eoa = driver_get_eoa,
	.set_eoa = driver_set_eoa,
	.get_eof = driver_get_eof,
	.read = driver_read,
	.write = driver_write,
	.truncate = driver_truncate,
	.lock = driver_lock,
	.unlock = driver_unlock,
	.fl_map = H5FD_FLMAP_DICHOTOMY,
};

void c5_h5_quiet(void)
{
	/* At exit HDF5 would close once more what it could not close on a full disk, into an overlay that is gone by then. */
	static bool first = true;
	if (first) H5dont_atexit();
	first = false;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

hid_t c5_driver_fapl(c5_overlay *ov)
{
	static hid_t driver = H5I_INVALID_HID;
	driver_info info = { ov };
	c5_h5_quiet();
	if (driver < 0 && (driver = H5FDregister(&driver_class)) < 0) return H5I_INVALID_HID;
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	if (fapl < 0) return fapl;
	if (H5Pset_driver(fapl, driver, &info) < 0 || H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110) < 0 ||
	    H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG) < 0) {
		H5Pclose(fapl);
		return H5I_INVALID_HID;
	}
	return fapl;
}

static herr_t take_innermost(unsigned n, const H5E_error2_t *e, void *to)
{
	if (n == 0 && e->desc) snprintf(to, 256, "%s", e->desc);
	return 0;
}

int c5_h5_fail(int code, const char *fmt, ...)
{
	char what[1024], why[256] = "no reason given";
	va_list ap;
	if (io_code < 0) {
		int io = io_code;
		io_code = 0;
		return c5_fail(io, "%s", io_text);
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, why);
	return c5_fail(code, "%s: HDF5: %s", what, why);
}
