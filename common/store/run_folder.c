/*
 * The run folder: created, checked and locked before the data are read, and cleared of a former run when
 * training begins. The files themselves are written by history, step_log, names, run_record and safetensors.
 *
 * A folder counts as a run's if all names in it are ours and run.json is among the files. run.json is removed
 * last, so that a folder can be used again after an interrupted start.
 */
#include "common/store/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

#define RECORD "run.json"
#define TEMPORARY ".tmp"

static const char *const our_files[] = {
    "history.csv", "steps.csv",  "metrics.jsonl", "model.safetensors", "model-best.safetensors",
    "users.tsv",   "movies.tsv", RECORD};
static const char *const our_folders[] = {"tb", "checkpoints"};

enum entry_kind { ENTRY_FOREIGN, ENTRY_FILE, ENTRY_TEMPORARY, ENTRY_FOLDER };

/* The contents of the folder. */
struct contents {
    char foreign[256]; /* a name that is not ours, or "" */
    bool has_record, has_others;
};

/* <one of our files>.<process>.tmp, as cps_atomic_file names them. */
static bool is_temporary_of(const char *name, const char *file)
{
    size_t length = strlen(file);
    if (strncmp(name, file, length) != 0 || name[length] != '.')
        return false;
    const char *digits = name + length + 1;
    size_t count = strspn(digits, "0123456789");
    return count > 0 && strcmp(digits + count, TEMPORARY) == 0;
}

static enum entry_kind classify(const char *name)
{
    for (size_t i = 0; i < sizeof our_files / sizeof our_files[0]; i++) {
        if (strcmp(name, our_files[i]) == 0)
            return ENTRY_FILE;
        if (is_temporary_of(name, our_files[i]))
            return ENTRY_TEMPORARY;
    }
    for (size_t i = 0; i < sizeof our_folders / sizeof our_folders[0]; i++)
        if (strcmp(name, our_folders[i]) == 0)
            return ENTRY_FOLDER;
    return ENTRY_FOREIGN;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum cps_status folder_error(const struct cps_run_folder *self, const char *verb)
{
    return cps_fail(CPS_ERR_STORAGE, "cannot %s run folder '%s': %s", verb, self->path, strerror(errno));
}

static enum cps_status look_inside(const struct cps_run_folder *self, struct contents *contents)
{
    *contents = (struct contents){0};
    DIR *folder = opendir(self->path);
    if (!folder)
        return folder_error(self, "read");
    for (struct dirent *entry; (entry = readdir(folder));) {
        enum entry_kind kind = is_dot(entry->d_name) ? ENTRY_TEMPORARY : classify(entry->d_name);
        if (kind == ENTRY_FOREIGN)
            snprintf(contents->foreign, sizeof contents->foreign, "%s", entry->d_name);
        else if (strcmp(entry->d_name, RECORD) == 0)
            contents->has_record = true;
        else if (kind == ENTRY_FILE)
            contents->has_others = true;
    }
    closedir(folder);
    return CPS_OK;
}

static enum cps_status check_contents(const struct cps_run_folder *self, bool overwrite)
{
    struct contents contents;
    CPS_TRY(look_inside(self, &contents));
    if (contents.has_record && !contents.foreign[0] && !overwrite) {
        cps_fail(CPS_ERR_USAGE, "'%s' already holds a run", self->path);
        return cps_hint(CPS_ERR_USAGE, "choose another --out, or delete that run with --overwrite");
    }
    if (contents.foreign[0])
        cps_fail(CPS_ERR_STORAGE, "'%s' is not a run folder: it holds '%s'", self->path, contents.foreign);
    else if (contents.has_others && !contents.has_record)
        cps_fail(CPS_ERR_STORAGE, "'%s' is not a run folder: it holds files but no '" RECORD "'", self->path);
    else
        return CPS_OK;
    return cps_hint(CPS_ERR_STORAGE, "give --out an empty folder or a new one");
}

/* A file system without locks, such as some network file systems, is accepted. */
static enum cps_status lock(struct cps_run_folder *self)
{
    self->lock = open(self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->lock < 0)
        return folder_error(self, "open");
    if (flock(self->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return CPS_OK;
    return cps_fail(CPS_ERR_STORAGE, "another run is writing to '%s'", self->path);
}

/* Creating a file succeeds on a full disk; bytes in it do not. */
static enum cps_status probe(const struct cps_run_folder *self)
{
    char path[CPS_RUN_FILE_BYTES];
    struct cps_atomic_file file;
    static const char bytes[4096];
    cps_run_folder_file(self, RECORD, path);
    CPS_TRY(cps_atomic_file_open(&file, path));
    enum cps_status status = cps_atomic_file_write(&file, bytes, sizeof bytes);
    cps_atomic_file_abort(&file);
    return status;
}

static enum cps_status set_path(struct cps_run_folder *self, const char *out, time_t now, uint64_t run_id)
{
    struct tm local;
    char moment[32];
    int length;
    if (out) {
        length = snprintf(self->path, sizeof self->path, "%s", out);
    } else {
        localtime_r(&now, &local);
        strftime(moment, sizeof moment, "%Y%m%d-%H%M%S", &local);
        length = snprintf(self->path, sizeof self->path, "runs/%s-%06x", moment, (unsigned)(run_id & 0xffffff));
    }
    if (length <= 0 || (size_t)length >= sizeof self->path)
        return cps_fail(CPS_ERR_STORAGE, "cannot use run folder '%.64s': its path is %s", self->path,
                        length <= 0 ? "empty" : "too long");
    return CPS_OK;
}

static enum cps_status prepare(struct cps_run_folder *self, bool overwrite)
{
    struct stat info;
    self->made_here = stat(self->path, &info) != 0;
    CPS_TRY(cps_make_folders(self->path));
    CPS_TRY(lock(self));
    CPS_TRY(check_contents(self, overwrite));
    return probe(self);
}

enum cps_status cps_run_folder_open(struct cps_run_folder *self, const char *out, bool overwrite, time_t now,
                                    uint64_t run_id)
{
    *self = (struct cps_run_folder){.lock = -1};
    CPS_TRY(set_path(self, out, now, run_id));
    enum cps_status status = prepare(self, overwrite);
    if (status != CPS_OK)
        cps_run_folder_close(self);
    return status;
}

static enum cps_status remove_file(const struct cps_run_folder *self, const char *name)
{
    if (unlinkat(self->lock, name, 0) == 0 || errno == ENOENT)
        return CPS_OK;
    return cps_fail(CPS_ERR_STORAGE, "cannot remove '%s/%s': %s", self->path, name, strerror(errno));
}

enum cps_status cps_run_folder_sweep(const struct cps_run_folder *self)
{
    DIR *folder = opendir(self->path);
    if (!folder)
        return folder_error(self, "read");
    enum cps_status status = CPS_OK;
    for (struct dirent *entry; status == CPS_OK && (entry = readdir(folder));)
        if (classify(entry->d_name) == ENTRY_TEMPORARY)
            status = remove_file(self, entry->d_name);
    closedir(folder);
    return status;
}

enum cps_status cps_run_folder_start(struct cps_run_folder *self)
{
    CPS_TRY(cps_run_folder_sweep(self));
    for (size_t i = 0; i < sizeof our_files / sizeof our_files[0]; i++)
        CPS_TRY(remove_file(self, our_files[i]));
    self->started = true;
    return CPS_OK;
}

enum cps_status cps_run_folder_continue(struct cps_run_folder *self)
{
    self->started = true;
    return cps_run_folder_sweep(self);
}

void cps_run_folder_close(struct cps_run_folder *self)
{
    if (self->lock >= 0)
        close(self->lock);
    self->lock = -1;
    if (self->made_here && !self->started)
        rmdir(self->path); /* fails if it is not empty, as it should */
    self->made_here = false;
}

void cps_run_folder_file(const struct cps_run_folder *self, const char *name, char out[CPS_RUN_FILE_BYTES])
{
    snprintf(out, CPS_RUN_FILE_BYTES, "%s/%s", self->path, name);
}

enum cps_status cps_run_folder_put(const struct cps_run_folder *self, const char *name,
                                   const struct cps_text *text)
{
    char path[CPS_RUN_FILE_BYTES];
    cps_run_folder_file(self, name, path);
    return cps_file_replace(path, text->data, text->length);
}

enum cps_status cps_run_folder_put_at_once(const struct cps_run_folder *self, const char *name,
                                           const struct cps_text *text)
{
    char path[CPS_RUN_FILE_BYTES];
    cps_run_folder_file(self, name, path);
    return cps_file_replace_at_once(path, text->data, text->length);
}
