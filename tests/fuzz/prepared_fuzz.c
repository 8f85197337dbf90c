/*
 * Fuzzing of the reader of prepared sets.
 *
 * An input is one byte of choices and a file. Its checksums are corrected before it is read, unless a choice
 * says otherwise: a file made by an attacker has correct ones. Besides the sanitizers the promises of
 * prepared.h are checked: rows are inside their tables, ratings are numbers within the set's bounds, and a
 * refusal is one line with CPS_ERR_DATA.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/crc32c.h"
#include "common/base/memory.h"
#include "common/data/build.h"
#include "common/data/prepared.h"
#include "common/data/prepared_format.h"
#include "common/data/stored.h"

enum choice {
    CHOICE_AS_IT_IS = 1, /* checksums are not corrected */
    CHOICE_PIECES = 2,   /* ratings are read in pieces */
    CHOICE_ROWS = 4,     /* ids may be rows of an initial model */
    CHOICE_STORED = 8,   /* ratings stay in the file */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static bool is_inside(const struct cps_prepared_section *section, uint64_t size)
{
    return section->offset <= size && section->bytes <= size - section->offset;
}

static void mend_blocks(char *file, size_t size, const struct cps_prepared_header *header)
{
    const struct cps_prepared_section *sums = &header->sections[CPS_SECTION_CHECKSUMS];
    const struct cps_prepared_section *ratings = &header->sections[CPS_SECTION_RATINGS];
    if (!is_inside(sums, size) || !is_inside(ratings, size))
        return;
    for (uint64_t block = 0; block < sums->bytes / sizeof(uint32_t); block++) {
        uint64_t begin = block * CPS_PREPARED_BLOCK_BYTES;
        if (begin >= ratings->bytes)
            return;
        uint64_t left = ratings->bytes - begin;
        uint32_t sum = cps_crc32c(file + ratings->offset + begin,
                                  left < CPS_PREPARED_BLOCK_BYTES ? left : CPS_PREPARED_BLOCK_BYTES);
        memcpy(file + sums->offset + block * sizeof sum, &sum, sizeof sum);
    }
}

static void mend(char *file, size_t size)
{
    struct cps_prepared_header header;
    if (size < sizeof header)
        return;
    memcpy(&header, file, sizeof header);
    mend_blocks(file, size, &header);
    for (int s = 0; s < CPS_SECTION_RATINGS; s++)
        if (is_inside(&header.sections[s], size))
            header.sections[s].checksum =
                cps_crc32c(file + header.sections[s].offset, header.sections[s].bytes);
    header.file_bytes = size;
    header.checksum = cps_crc32c(&header, offsetof(struct cps_prepared_header, checksum));
    memcpy(file, &header, sizeof header);
}

static void check_refusal(enum cps_status status)
{
    require(status == CPS_ERR_DATA || status == CPS_ERR_MEMORY);
    require(cps_error_text()[0] != '\0' && !strchr(cps_error_text(), '\n'));
}

static void check_ratings(const struct cps_prepared *set, const struct cps_rating_list *list,
                          const uint32_t *places)
{
    for (uint64_t i = 0; i < list->count; i++) {
        require(list->user[i] < set->users.rows && list->item[i] < set->movies.rows);
        require(places[i] < set->facts.rating_count);
        require(list->rating[i] >= set->facts.rating_min && list->rating[i] <= set->facts.rating_max);
    }
}

static void read_in_pieces(const struct cps_prepared *set)
{
    for (uint64_t first = 0; first < set->facts.rating_count; first += 7) {
        struct cps_rating_list list;
        uint32_t *places;
        uint64_t left = set->facts.rating_count - first;
        enum cps_status status = cps_prepared_read(set, first, left < 7 ? left : 7, &list, &places);
        if (status != CPS_OK) {
            check_refusal(status);
            return;
        }
        check_ratings(set, &list, places);
        cps_rating_list_release(&list);
        free(places);
    }
}

/* The samples of a set whose ratings stay in the file. */
static void read_stored(const struct cps_dataset *data)
{
    for (int training = 0; training < 2; training++) {
        struct cps_stored_reader reader;
        struct cps_samples samples;
        uint64_t count = 0;
        require(cps_stored_reader_init(&reader, data, training) == CPS_OK);
        do {
            require(cps_stored_reader_next(&reader, &samples) == CPS_OK);
            for (uint64_t i = 0; i < samples.count; i++)
                require(samples.user[i] < data->users.rows && samples.movie[i] < data->movies.rows &&
                        samples.rating[i] >= data->rating_min && samples.rating[i] <= data->rating_max);
            count += samples.count;
        } while (samples.count > 0);
        require(count == (training ? data->train_count : data->valid_count));
        cps_stored_reader_release(&reader);
    }
}

static void build(const struct cps_prepared *set, bool rows, bool stored)
{
    struct cps_dataset_request request = {.valid_pct = 0.25, .seed = 1, .shards = 1, .keep_samples = true};
    struct cps_dataset_sources sources = {.prepared = set};
    struct cps_dataset data;
    request.keep_stored = stored;
    if (rows)
        request.user_rows = request.movie_rows = 64;
    enum cps_status status = cps_dataset_build(&request, &sources, &data);
    if (status != CPS_OK) { /* the initial model may not fit the set, which is another error */
        require(cps_error_text()[0] != '\0' && !strchr(cps_error_text(), '\n'));
        return;
    }
    if (data.stored)
        read_stored(&data);
    for (uint64_t i = 0; i < data.train.count && !data.stored; i++)
        require(data.train.user[i] < data.users.rows && data.train.movie[i] < data.movies.rows &&
                isfinite(data.train.rating[i]) && data.train.index[i] < data.train_count);
    require(data.stored || (data.train.count == data.train_count && data.valid.count == data.valid_count));
    cps_dataset_release(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char *file; /* aligned, as a mapping is */
    static size_t capacity;
    struct cps_prepared set;
    if (size == 0)
        return 0;
    require(cps_grow("a file", &file, &capacity, size, 1) == CPS_OK);
    unsigned choices = bytes[0];
    memcpy(file, bytes + 1, --size);
    if (!(choices & CHOICE_AS_IT_IS))
        mend(file, size);
    const struct cps_source source = {"set", file, size};
    cps_error_clear();
    if (!cps_prepared_is_one(&source))
        return 0;
    enum cps_status status = cps_prepared_open(&set, &source);
    if (status != CPS_OK)
        check_refusal(status);
    else if (choices & CHOICE_PIECES)
        read_in_pieces(&set);
    else
        build(&set, choices & CHOICE_ROWS, choices & CHOICE_STORED);
    cps_prepared_close(&set);
    return 0;
}
