/* The synthetic set as files of the MovieLens layout, for the command synth; see synth.h. */
#include "common/data/synth_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/data/ids.h"

#define BUFFER_BYTES ((size_t)1 << 20)
/* The longest line. */
#define LINE_BYTES 128
/* An arbitrary time in 2001; a user's ratings are a minute apart. */
#define FIRST_TIMESTAMP 1000000000u
#define TIMESTAMP_STEP 60u

struct writer {
    struct cps_atomic_file file;
    char *buffer;
    size_t used;
};

static enum cps_status writer_open(struct writer *self, const char *folder, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return cps_fail(CPS_ERR_STORAGE, "cannot write '%.64s…': the path is too long", folder);
    self->used = 0;
    return cps_atomic_file_open(&self->file, path);
}

static enum cps_status writer_flush(struct writer *self)
{
    size_t count = self->used;
    self->used = 0;
    return cps_atomic_file_write(&self->file, self->buffer, count);
}

/* Makes room for a line. */
static enum cps_status writer_reserve(struct writer *self)
{
    return self->used + LINE_BYTES > BUFFER_BYTES ? writer_flush(self) : CPS_OK;
}

static void put_text(struct writer *self, const char *text, size_t length)
{
    memcpy(self->buffer + self->used, text, length);
    self->used += length;
}

static void put_number(struct writer *self, uint64_t value, char after)
{
    self->used += cps_id_from_integer(value, self->buffer + self->used);
    self->buffer[self->used++] = after;
}

static enum cps_status put_movies(struct writer *self, const struct cps_synth_spec *spec)
{
    static const char header[] = "movieId,title,genres\n", genres[] = ",(no genres listed)\n";
    put_text(self, header, sizeof header - 1);
    for (uint32_t movie = 1; movie <= spec->movies; movie++) {
        char title[CPS_SYNTH_TITLE_BYTES];
        size_t length = cps_synth_title(spec, movie, title);
        CPS_TRY(writer_reserve(self));
        put_number(self, movie, ',');
        put_text(self, title, length);
        put_text(self, genres, sizeof genres - 1);
    }
    return writer_flush(self);
}

static enum cps_status put_ratings(struct writer *self, struct cps_synth *synth, uint32_t users)
{
    static const char header[] = "userId,movieId,rating,timestamp\n";
    put_text(self, header, sizeof header - 1);
    for (uint32_t user = 1; user <= users; user++) {
        uint32_t count;
        const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &count);
        for (uint32_t i = 0; i < count; i++) {
            CPS_TRY(writer_reserve(self));
            put_number(self, user, ',');
            put_number(self, ratings[i].movie, ',');
            put_number(self, ratings[i].rating, ',');
            put_number(self, (uint64_t)FIRST_TIMESTAMP + (uint64_t)i * TIMESTAMP_STEP, '\n');
        }
    }
    return writer_flush(self);
}

static enum cps_status writer_close(struct writer *self, enum cps_status status)
{
    if (status == CPS_OK)
        return cps_atomic_file_commit(&self->file);
    cps_atomic_file_abort(&self->file);
    return status;
}

/* The titles are written first, since a folder with ratings counts as data. */
static enum cps_status write_files(struct writer *writer, const struct cps_synth_spec *spec,
                                   struct cps_synth *synth, const char *folder)
{
    CPS_TRY(cps_make_folders(folder));
    CPS_TRY(writer_open(writer, folder, "movies.csv"));
    CPS_TRY(writer_close(writer, put_movies(writer, spec)));
    CPS_TRY(writer_open(writer, folder, "ratings.csv"));
    return writer_close(writer, put_ratings(writer, synth, spec->users));
}

enum cps_status cps_synth_write(const struct cps_synth_spec *spec, const char *folder)
{
    struct writer writer = {.file = {.fd = -1}};
    struct cps_synth *synth;
    CPS_TRY(cps_synth_create(spec, &synth));
    enum cps_status status = cps_alloc("a write buffer", BUFFER_BYTES, 1, &writer.buffer);
    if (status == CPS_OK)
        status = write_files(&writer, spec, synth, folder);
    free(writer.buffer);
    cps_synth_destroy(&synth);
    return status;
}
