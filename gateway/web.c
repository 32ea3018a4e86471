/* The files of the web app, in a table by path; see web.h. A file X has more forms where X.br and X.gz lie beside it. A
 * path is only ever looked up in the table, never on disk. Requests hold on to the table that they were answered from:
 * the one of before a reload goes with the last of them. The bytes are copied at the start to a file without a name and
 * mapped from there: what nobody asks for takes no memory, and what becomes of WEB_ROOT afterwards does not matter. */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "encoding.h"
#include "etag.h"
#include "log.h"
#include "operations.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#define FILE_LIMIT 4096
#define BYTES_LIMIT (64 * 1024 * 1024)
#define COPY_FOLDER "/var/tmp"
#define APP_PAGE "index.html"
#define DOCUMENTATION_PAGE "docs.html"
#define ASSETS "assets/" /* whose names change with their content */
#define KEPT_FOR_GOOD "public, max-age=31536000, immutable"
#define ASKED_EACH_TIME "no-cache"

struct form {
    struct text_span bytes; /* NULL: there is none */
    char etag[ETAG_SIZE];
};

struct web_file {
    UT_hash_handle hh;
    const char *media_type;
    struct form forms[ENCODING_COUNT];
    unsigned available; /* a bit per form */
    char path[];        /* below WEB_ROOT */
};

struct site {
    struct web_file *files;
    char *bytes; /* the copy, mapped: BYTES_LIMIT of addresses, of which byte_count may be read */
    size_t byte_count;
};

static struct site *site; /* NULL: nothing was built */

static const struct {
    const char *extension, *media_type;
} media_types[] = {
    {"html", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"json", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"woff2", "font/woff2"},
    {"ico", "image/x-icon"},
    {"png", "image/png"},
    {"webp", "image/webp"},
    {"jpg", "image/jpeg"},
    {"txt", "text/plain; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"wav", "audio/wav"},
    {"wasm", "application/wasm"},
};

/* What follows the last dot of the last name, or NULL. */
static const char *extension_of(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return dot ? dot + 1 : NULL;
}

static const char *media_type_of(const char *path) {
    const char *extension = extension_of(path);
    for (size_t i = 0; extension && i < sizeof media_types / sizeof *media_types; i++)
        if (strcmp(media_types[i].extension, extension) == 0)
            return media_types[i].media_type;
    return "application/octet-stream";
}

static void on_site_gone(void *site_) {
    struct site *gone = site_;
    struct web_file *file, *next;
    HASH_ITER(hh, gone->files, file, next) {
        HASH_DEL(gone->files, file);
        free(file);
    }
    if (gone->bytes)
        munmap(gone->bytes, BYTES_LIMIT);
}

static struct web_file *file_find(const struct site *among, const char *path, size_t length) {
    struct web_file *file;
    HASH_FIND(hh, among->files, path, length, file);
    return file;
}

/* A file that goes with its last descriptor and mapping; where no disk takes one, it is in memory. -1 with errno. */
static int open_copy(void) {
    int copy = open(COPY_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return copy >= 0 ? copy : memfd_create("web", MFD_CLOEXEC);
}

/* -1 with errno. */
static int append(struct site *target, int copy, const char *bytes, size_t length) {
    if (length > BYTES_LIMIT - target->byte_count) {
        errno = EFBIG;
        return -1;
    }
    for (size_t done = 0; done < length;) {
        ssize_t put = pwrite(copy, bytes + done, length - done, (off_t)(target->byte_count + done));
        if (put < 0)
            return -1;
        done += (size_t)put;
    }
    target->byte_count += length;
    return 0;
}

/* -1 with errno. */
static int copy_bytes(struct site *target, int copy, const char *path, struct text_span *ret_bytes) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const char *start = target->bytes + target->byte_count;
    char piece[16384];
    ssize_t got;
    if (descriptor < 0)
        return -1;
    while ((got = read(descriptor, piece, sizeof piece)) > 0)
        if (append(target, copy, piece, (size_t)got) != 0)
            break;
    close(descriptor);
    if (got != 0)
        return -1;
    *ret_bytes = (struct text_span){start, (size_t)(target->bytes + target->byte_count - start)};
    return 0;
}

static void set_form(struct web_file *file, enum encoding encoding, struct text_span bytes) {
    struct form *form = &file->forms[encoding];
    form->bytes = bytes;
    etag_text(bytes.bytes, bytes.length, form->etag);
    file->available |= 1u << encoding;
}

/* -1: it cannot be read, or the folder holds more than is kept in memory (logged). */
static int add_file(struct site *target, int copy, const char *place, const char *path) {
    struct text_span bytes;
    if (HASH_COUNT(target->files) == FILE_LIMIT) {
        log_error("web app: %s holds more than %d files", settings.web_root, FILE_LIMIT);
        return -1;
    }
    if (copy_bytes(target, copy, place, &bytes) != 0) {
        log_error("web app: %s: %s", place, strerror(errno));
        return -1;
    }
    struct web_file *file = calloc(1, sizeof *file + strlen(path) + 1);
    strcpy(file->path, path);
    file->media_type = media_type_of(path);
    set_form(file, ENCODING_IDENTITY, bytes);
    HASH_ADD_KEYPTR(hh, target->files, file->path, strlen(file->path), file);
    return 0;
}

/* "app.js.br" is no file of its own but a form of "app.js". */
static void join_forms(struct site *target, const char *suffix, enum encoding encoding) {
    struct web_file *file, *next;
    HASH_ITER(hh, target->files, file, next) {
        const char *extension = extension_of(file->path);
        struct web_file *whole = NULL;
        if (extension && strcmp(extension, suffix) == 0)
            whole = file_find(target, file->path, (size_t)(extension - 1 - file->path));
        if (!whole)
            continue;
        set_form(whole, encoding, file->forms[ENCODING_IDENTITY].bytes);
        HASH_DEL(target->files, file);
        free(file);
    }
}

static int read_folder(struct site *target, int copy, FTS *folder) {
    size_t root_length = strlen(settings.web_root);
    for (FTSENT *entry; (entry = fts_read(folder));) {
        if (entry->fts_level > FTS_ROOTLEVEL && *entry->fts_name == '.') {
            fts_set(folder, entry, FTS_SKIP);
            continue;
        }
        if (entry->fts_info != FTS_F)
            continue;
        const char *path = entry->fts_path + root_length;
        if (add_file(target, copy, entry->fts_path, path + strspn(path, "/")) != 0)
            return -1;
    }
    join_forms(target, "br", ENCODING_BROTLI);
    join_forms(target, "gz", ENCODING_GZIP);
    if (file_find(target, APP_PAGE, strlen(APP_PAGE)))
        return 0;
    log_info("web app: there is no " APP_PAGE " in %s", settings.web_root);
    return -1;
}

/* -1 with errno. */
static int map_copy(struct site *target, int copy) {
    void *bytes = copy < 0 ? MAP_FAILED : mmap(NULL, BYTES_LIMIT, PROT_READ, MAP_SHARED, copy, 0);
    if (bytes == MAP_FAILED)
        return -1;
    target->bytes = bytes;
    return 0;
}

void web_read(void) {
    char *const roots[] = {(char *)settings.web_root, NULL};
    if (!*settings.web_root)
        return;
    FTS *folder = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (!folder) {
        log_error("web app: %s: %s", settings.web_root, strerror(errno));
        return;
    }
    struct site *fresh = h2o_mem_alloc_shared(NULL, sizeof *fresh, on_site_gone), *spent = fresh;
    int copy = open_copy();
    *fresh = (struct site){0};
    if (map_copy(fresh, copy) != 0) {
        log_error("web app: no room for a copy: %s", strerror(errno));
    } else if (read_folder(fresh, copy, folder) == 0) {
        madvise(fresh->bytes, BYTES_LIMIT, MADV_DONTNEED); /* the pages stay the file's */
        log_info("web app: %u files, %zu bytes", HASH_COUNT(fresh->files), fresh->byte_count);
        spent = site;
        site = fresh;
    }
    if (spent)
        h2o_mem_release_shared(spent);
    if (copy >= 0)
        close(copy);
    fts_close(folder);
}

static void answer_that_nothing_was_built(struct request *request) {
    static const char page[] = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Tithi</title>\n"
                               "<p>The web app was not built: deploy/up builds it where Node.js 18 or newer and npm "
                               "are installed.</p></html>\n";
    reply_file(request, &(struct file){.status = 404,
                                       .media_type = "text/html; charset=utf-8",
                                       .cache_control = "no-store",
                                       .bytes = {page, sizeof page - 1}});
}

static void answer_with(struct request *request, const struct web_file *file) {
    struct text_span accepted = request_header(request, "accept-encoding");
    enum encoding encoding = encoding_choose(accepted, file->available);
    const struct form *form = &file->forms[encoding];
    bool is_asset = strncmp(file->path, ASSETS, strlen(ASSETS)) == 0;
    h2o_mem_link_shared(&request->h2o->pool, site);
    reply_file(request, &(struct file){.status = 200,
                                       .media_type = file->media_type,
                                       .cache_control = is_asset ? KEPT_FOR_GOOD : ASKED_EACH_TIME,
                                       .etag = form->etag,
                                       .encoding = encoding_name(encoding),
                                       .bytes = form->bytes});
}

static void answer_page(struct request *request, const char *path) {
    const struct web_file *file = site ? file_find(site, path, strlen(path)) : NULL;
    if (file)
        answer_with(request, file);
    else
        answer_that_nothing_was_built(request);
}

bool web_is_there(void) {
    return site && file_find(site, APP_PAGE, strlen(APP_PAGE));
}

void web_answer_app(struct request *request) {
    answer_page(request, APP_PAGE);
}

void web_answer_documentation(struct request *request) {
    answer_page(request, DOCUMENTATION_PAGE);
}

/* The app's own pages have no dot in their last name, and none lies among the assets. */
static bool is_page(struct text_span path) {
    const char *slash = memrchr(path.bytes, '/', path.length);
    size_t name_at = slash ? (size_t)(slash + 1 - path.bytes) : 0;
    bool is_asset = path.length >= strlen(ASSETS) && memcmp(path.bytes, ASSETS, strlen(ASSETS)) == 0;
    return !is_asset && !memchr(path.bytes + name_at, '.', path.length - name_at);
}

void web_answer_file(struct request *request) {
    struct text_span path = request->match.values[0];
    const struct web_file *file = site ? file_find(site, path.bytes, path.length) : NULL;
    if (file)
        answer_with(request, file);
    else if (is_page(path))
        web_answer_app(request);
    else
        reply_refusal(request, &refusal_not_found, NULL, 0);
}
