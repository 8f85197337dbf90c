/*
 * Fuzzing of the readers of ratings and titles.
 *
 * An input is one byte of choices, then a ratings file and, after a record separator
 * (0x1E), a second file: titles or validation ratings. Besides the sanitizers, the
 * promises of dataset.h are checked: rows and indices are inside their tables, every
 * rating has a finite value, a failure leaves nothing behind.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/build.h"
#include "common/data/skip.h"
#include "common/text/input.h"

#define SEPARATOR 0x1E

enum choice {
    CHOICE_SECOND = 1,       /* use the second file */
    CHOICE_VALID = 2,        /* as validation ratings, not titles */
    CHOICE_DOUBLE_COLON = 4, /* titles are separated by '::', not ',' */
    CHOICE_DECODE = 8,       /* the ratings are the bytes of a file, which may be compressed */
    CHOICE_ROWS = 16,        /* ids may be rows of an initial model */
    CHOICE_WIDE = 32,        /* the ratings are a matrix */
    CHOICE_SKIP = 64,        /* bad lines are skipped */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_samples(const struct cps_dataset *data, const struct cps_samples *samples)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        require(samples->user[i] < data->users.rows);
        require(samples->movie[i] < data->movies.rows);
        require(isfinite(samples->rating[i]));
        require(samples->rating[i] >= data->rating_min && samples->rating[i] <= data->rating_max);
        require(!samples->index || samples->index[i] < data->train_count);
    }
}

static void check_vocabulary(const struct cps_vocabulary *vocabulary)
{
    require(vocabulary->rows >= 1 && vocabulary->offsets[0] == 0);
    for (uint32_t row = 0; row < vocabulary->rows; row++)
        require(vocabulary->offsets[row] < vocabulary->offsets[row + 1]);
}

static void check_success(const struct cps_dataset *data)
{
    require(data->train.count == data->train_count && data->valid.count == data->valid_count);
    require(data->train_count + data->valid_count == data->rating_count);
    check_vocabulary(&data->users);
    check_vocabulary(&data->movies);
    check_samples(data, &data->train);
    check_samples(data, &data->valid);
}

static void check_failure(const struct cps_dataset *data)
{
    static const struct cps_dataset empty;
    require(memcmp(data, &empty, sizeof empty) == 0);
    require(cps_error_text()[0] != '\0' && !strchr(cps_error_text(), '\n'));
}

static void build(const struct cps_dataset_request *request, struct cps_dataset_sources *sources, bool decode)
{
    struct cps_dataset data = {0};
    struct cps_text decoded = {0};
    cps_error_clear();
    enum cps_status status = decode ? cps_input_decode(&decoded, false, &sources->ratings) : CPS_OK;
    if (status == CPS_OK)
        status = cps_dataset_build(request, sources, &data);
    if (status == CPS_OK)
        check_success(&data);
    else
        check_failure(&data);
    cps_dataset_release(&data);
    cps_text_release(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    unsigned choices = bytes[0];
    const char *first = (const char *)bytes + 1, *end = (const char *)bytes + size;
    const char *separator = size > 1 ? memchr(first, SEPARATOR, size - 1) : NULL;
    struct cps_source second = {0};
    if (separator)
        second = (struct cps_source){"second", separator + 1, (size_t)(end - separator - 1)};
    struct cps_dataset_sources sources = {
        .ratings = {"ratings", first, (size_t)((separator ? separator : end) - first)},
        .title_delimiter = choices & CHOICE_DOUBLE_COLON ? &cps_delimiter_double_colon : &cps_delimiter_comma,
    };
    if (separator && choices & CHOICE_SECOND)
        *(choices & CHOICE_VALID ? &sources.valid : &sources.titles) = second;
    struct cps_dataset_request request = {.valid_pct = 0.25, .seed = 1, .shards = 1, .keep_samples = true};
    if (choices & CHOICE_ROWS)
        request.user_rows = request.movie_rows = 64;
    request.wide = choices & CHOICE_WIDE;
    request.missing = request.wide ? "99" : NULL;
    request.skip_bad = choices & CHOICE_SKIP ? CPS_SKIP_ALL : 0;
    build(&request, &sources, choices & CHOICE_DECODE);
    return 0;
}
